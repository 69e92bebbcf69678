"""The annotated topic, made only while somebody looks at it."""
from __future__ import annotations

from collections import OrderedDict
from typing import Any

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from smolvlm_ros.ros import images
from smolvlm_ros.ros.interface import Endpoint
from smolvlm_ros.ros.picture import View, draw
from smolvlm_ros.ros.stamps import to_nanoseconds

_LOOK_S = 0.2  # how often the node looks for viewers


class Annotator:
    """Keeps the newest images, and draws on the one that a view belongs to.

    The images are subscribed to only while `annotated` has a subscriber: taking megabytes from
    DDS for nobody is what would cost most here.

    Args:
        node: the FunnelNode; everything made here lives until its present phase ends.
        image: where the images come from.
        annotated: where the drawn ones go to.
        kept: how many images wait for their view.
    """

    def __init__(self, node: Any, image: Endpoint, annotated: Endpoint, kept: int) -> None:
        self._node = node
        self._image = image
        self._kept = kept
        self._images: OrderedDict[int, Image] = OrderedDict()
        self._subscription: Any = None
        self._publisher = node.endpoints.publish(annotated)
        node.own("annotator", self._unsubscribe)
        timer = node.create_timer(_LOOK_S, self._look, clock=node.steady_clock)
        node.own("timer", lambda: node.destroy_timer(timer))

    def draw(self, header: Header, view: View) -> None:
        """Draw and publish, when somebody looks and the frame's image is here.

        Raises:
            ValueError: when the image cannot be read.
        """
        message = self._images.pop(to_nanoseconds(header.stamp), None)
        if message is None or not self._publisher.get_subscription_count():
            return
        with self._node.stats.timed("annotate"):
            drawn = draw(images.to_rgb(message), view)
            self._publisher.publish(images.from_rgb(drawn, message.header))

    def _look(self) -> None:
        wanted = self._publisher.get_subscription_count() > 0
        if wanted and self._subscription is None:
            self._subscription = self._node.endpoints.listen(self._image, self._on_image)
        elif not wanted:
            self._unsubscribe()

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._node.endpoints.stop_listening(self._image, self._subscription)
            self._subscription = None
        self._images.clear()

    def _on_image(self, message: Image) -> None:
        self._images[to_nanoseconds(message.header.stamp)] = message
        while len(self._images) > self._kept:
            self._images.popitem(last=False)
