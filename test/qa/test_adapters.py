"""LoRA adapters as peft writes them, on a small real SmolVLM."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
transformers = pytest.importorskip("transformers", reason="the extra vlm is not installed")

from safetensors.torch import load_file, save_file  # noqa: E402

from smolvlm_ros.models.audit import audit  # noqa: E402
from smolvlm_ros.models.configured import models_in_parameters  # noqa: E402
from smolvlm_ros.models.lora import CONFIG, WEIGHTS, open_adapter  # noqa: E402
from smolvlm_ros.qa.engine import EngineConfig, EngineError, make_engine  # noqa: E402
from smolvlm_ros.qa.prompt import chat_question  # noqa: E402
from smolvlm_ros.settings import SettingError  # noqa: E402

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
RANK, ALPHA = 3, 12
VISION = "model.vision_model.encoder.layers.1.mlp.fc1"
TEXT = "model.text_model.layers.0.self_attn.v_proj"
HEAD = "lm_head"
# As peft 0.21 writes it, but for the entries that are null.
PLAIN = {"peft_type": "LORA", "base_model_name_or_path": "owner/base", "bias": "none", "r": RANK,
         "lora_alpha": ALPHA, "lora_dropout": 0.05, "target_modules": ["fc1", "v_proj", "lm_head"],
         "alpha_pattern": {}, "rank_pattern": {}, "fan_in_fan_out": False, "inference_mode": True,
         "init_lora_weights": True, "loftq_config": {}, "lora_bias": False, "modules_to_save": None,
         "megatron_core": "megatron.core", "qalora_group_size": 16, "use_dora": False,
         "use_rslora": False, "use_qalora": False}


def plain_model(checkpoint: Path) -> Any:
    return transformers.AutoModelForImageTextToText.from_pretrained(checkpoint).eval()


def write(folder: Path, checkpoint: Path, seed: int = 0, **config: Any) -> Path:
    """An adapter of three layers, with random matrices."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    layers = dict(plain_model(checkpoint).named_modules())
    tensors = {}
    for name in (VISION, TEXT, HEAD):
        rows, columns = layers[name].weight.shape
        for part, shape in (("A", (RANK, columns)), ("B", (rows, RANK))):
            tensors[f"base_model.model.{name}.lora_{part}.weight"] = 0.3 * torch.randn(
                shape, generator=generator)
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    (folder / CONFIG).write_text(json.dumps({**PLAIN, **config}))
    return folder


@pytest.fixture
def adapter(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    return write(tmp_path / "inspection", tiny_checkpoint)


def logits(checkpoint: Path, adapters: tuple[Path, ...] = (), **config: Any) -> np.ndarray:
    engine = make_engine(EngineConfig(model=str(checkpoint), num_threads=1, device="cpu",
                                      adapters=tuple(map(str, adapters)), **config))
    try:
        return engine._answers(IMAGE, [engine.tokens.encode(
            chat_question("Is the door open?"))])[0]
    finally:
        engine.close()


def beside(checkpoint: Path, folder: Path, scales: dict[str, float]) -> np.ndarray:
    """Logits with the adapter's matrices beside the layers, as a training runs them."""
    engine = make_engine(EngineConfig(model=str(checkpoint), num_threads=1, device="cpu"))
    tensors = load_file(folder / WEIGHTS)
    layers = dict(engine._model.named_modules())
    with ExitStack() as hooks:
        for name, scale in scales.items():
            first, second = (tensors[f"base_model.model.{name}.lora_{p}.weight"] for p in "AB")

            def add(_: Any, inputs: Any, output: Any, a: Any = first, b: Any = second,
                    by: float = scale) -> Any:
                return output + by * torch.nn.functional.linear(
                    torch.nn.functional.linear(inputs[0], a), b)
            hooks.callback(layers[name].register_forward_hook(add).remove)
        try:
            return engine._answers(IMAGE, [engine.tokens.encode(
            chat_question("Is the door open?"))])[0]
        finally:
            engine.close()


@pytest.mark.parametrize(("config", "scales"), [
    ({}, dict.fromkeys((VISION, TEXT, HEAD), ALPHA / RANK)),
    ({"use_rslora": True}, dict.fromkeys((VISION, TEXT, HEAD), ALPHA / RANK ** 0.5)),
    ({"alpha_pattern": {"v_proj": 3, r".*\.encoder\.layers\.[01]\.mlp\.fc1": 6}},
     {VISION: 2.0, TEXT: 1.0, HEAD: ALPHA / RANK})], ids=["plain", "stabilised", "patterns"])
def test_merged_it_gives_what_it_gives_beside(tmp_path: Path, tiny_checkpoint: Path,
                                              config: dict[str, Any], scales: dict[str, float]
                                              ) -> None:
    folder = write(tmp_path / "a", tiny_checkpoint, **config)
    merged = logits(tiny_checkpoint, (folder,))
    assert np.abs(merged - beside(tiny_checkpoint, folder, scales)).max() < 1e-3
    assert np.abs(merged - logits(tiny_checkpoint)).max() > 0.1


def test_one_that_peft_made_gives_what_peft_gives(tmp_path: Path, tiny_checkpoint: Path) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    made = peft.get_peft_model(plain_model(tiny_checkpoint), peft.LoraConfig(
        r=4, lora_alpha=16, target_modules=["q_proj", "v_proj", "fc1", "proj"], use_rslora=True,
        init_lora_weights=False, alpha_pattern={"fc1": 3}, rank_pattern={"v_proj": 2}))
    made.save_pretrained(tmp_path / "peft")
    made.merge_and_unload().save_pretrained(tmp_path / "merged")
    for path in tiny_checkpoint.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            (tmp_path / "merged" / path.name).write_bytes(path.read_bytes())
    theirs = logits(tmp_path / "merged")
    assert np.abs(logits(tiny_checkpoint, (tmp_path / "peft",)) - theirs).max() < 1e-3


def test_two_are_added_one_after_the_other_and_named(tmp_path: Path, tiny_checkpoint: Path,
                                                     adapter: Path) -> None:
    other = write(tmp_path / "night", tiny_checkpoint, seed=1)
    both = logits(tiny_checkpoint, (adapter, other))
    assert np.abs(both - logits(tiny_checkpoint, (other, adapter))).max() < 1e-3
    assert np.abs(both - logits(tiny_checkpoint, (adapter,))).max() > 0.1
    engine = make_engine(EngineConfig(model=str(tiny_checkpoint), num_threads=1,
                                      adapters=(str(adapter), str(other))))
    assert engine.name == f"{tiny_checkpoint.name}+inspection+night"
    engine.close()


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_it_works_with_other_number_formats(tiny_checkpoint: Path, adapter: Path, dtype: str
                                            ) -> None:
    exact, near = (logits(tiny_checkpoint, (adapter,), dtype=d) for d in ("float32", dtype))
    change = np.abs(exact - logits(tiny_checkpoint)).mean()
    assert np.abs(near - exact).mean() < 0.3 * change


def tensors_changed(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS)
    return apply


def configured(**entries: Any) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        config = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps({**config, **entries}))
    return apply


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")


def cut_off(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-8])


NAME = f"base_model.model.{TEXT}"


@pytest.mark.parametrize(("spoil", "text"), [
    (configured(use_dora=True), "use_dora = True is not of a plain LoRA adapter; merge it"),
    (configured(peft_type="IA3"), "peft_type = 'IA3'"),
    (configured(init_lora_weights="pissa"), "init_lora_weights = 'pissa'"),
    (configured(modules_to_save=["lm_head"]), "modules_to_save"),
    (configured(new_in_peft_9="on"), "new_in_peft_9 = 'on'"),
    (configured(lora_alpha=None), "does not say its scale"),
    (configured(alpha_pattern={"(": 1}), "does not say its scale"),
    (pickled, "is a pickle"), (cut_off, "truncated"),
    (lambda folder: (folder / CONFIG).unlink(), "adapter_config.json cannot be read"),
    (tensors_changed(lambda t: t.pop(f"{NAME}.lora_A.weight")), "has matrices of"),
    (tensors_changed(lambda t: t.update({f"{NAME}.lora_A.weight": torch.zeros(RANK, 5)})),
     "give the model it was made for"),
    (tensors_changed(lambda t: t.update({f"{NAME}.lora_magnitude_vector": torch.zeros(16)})),
     "no matrix of a plain LoRA adapter"),
    (tensors_changed(lambda t: t.update({"base_model.model.model.other.lora_A.weight":
                                         torch.zeros(RANK, 5)})),
     "which is not there in this model (it was made for owner/base)"),
    (tensors_changed(lambda t: t.update({
        "base_model.model.model.text_model.embed_tokens.lora_A.weight": torch.zeros(RANK, 5)})),
     "which is a Embedding"),
    (tensors_changed(dict.clear), "changes nothing"),
    (tensors_changed(lambda t: t[f"{NAME}.lora_B.weight"].fill_(float("nan"))), "not finite"),
])
def test_what_cannot_be_added_is_refused(tiny_checkpoint: Path, adapter: Path,
                                         spoil: Callable[[Path], None], text: str) -> None:
    spoil(adapter)
    with pytest.raises(EngineError) as refused:
        logits(tiny_checkpoint, (adapter,))
    assert text in str(refused.value)


def test_weights_shared_with_the_embeddings_are_refused(tiny_checkpoint: Path, adapter: Path
                                                        ) -> None:
    from smolvlm_ros.models.errors import CheckpointError
    from smolvlm_ros.models.lora import merge

    model = plain_model(tiny_checkpoint)
    model.lm_head.weight = model.get_input_embeddings().weight
    with pytest.raises(CheckpointError, match="those of the embeddings too"):
        merge(model, [open_adapter(adapter)])


@pytest.fixture
def card(adapter: Path, tiny_checkpoint: Path, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    yield lambda licence: (adapter / "README.md").write_text(
        f"---\nlicense: {licence}\ntags: [lora]\n---\n# An adapter\n")


def test_a_licence_that_forbids_commerce_is_refused(tiny_checkpoint: Path, adapter: Path,
                                                    card: Callable[[str], None]) -> None:
    card("cc-by-nc-sa-4.0")
    with pytest.raises(EngineError, match=r"inspection is licensed cc-by-nc-sa-4.0.*"
                       "engine.allow_noncommercial"):
        logits(tiny_checkpoint, (adapter,))
    logits(tiny_checkpoint, (adapter,), allow_noncommercial=True)
    (row,) = audit(str(adapter))
    assert (row.licence, row.commercial) == ("cc-by-nc-sa-4.0", False)
    card("apache-2.0")
    (row,) = audit(str(adapter))
    assert (row.name, row.licence) == ("LoRA adapter of owner/base", "apache-2.0")
    assert row.commercial is None  # a card's permission is not believed
    assert row.sha256 == open_adapter(adapter).sha256() and len(row.sha256) == 64


def test_the_audit_finds_adapters_in_a_parameter_file_and_no_servers(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("""/**/scene_qa:
  ros__parameters:
    engine: {model: smolvlm2-256m, adapters: [/a, /b], server: {model: big}}
    engine.server.model: big
    escalation.server.model: bigger
/other:
  ros__parameters: {engine.model: server, engine.adapters: []}
""")
    assert models_in_parameters(path) == ["/a", "/b", "smolvlm2-256m"]


@pytest.mark.parametrize("model", ["none", "server"])
def test_adapters_of_no_model_are_refused(model: str) -> None:
    with pytest.raises(SettingError, match="adapters are for a model on this machine"):
        EngineConfig(model=model, adapters=("/a",))
