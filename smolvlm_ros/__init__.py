"""Camera frames to answers a robot can act on: gate, metric depth, fusion and scene QA."""
import pkgutil

# From a source tree Python finds this folder first; the generated smolvlm_ros.msg, .srv and
# .action live in the installed package of the same name. Both are one package this way.
__path__ = pkgutil.extend_path(__path__, __name__)
