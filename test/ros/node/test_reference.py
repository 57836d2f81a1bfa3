"""docs/reference.md says what a running node has: topics, services and the values of its diagnostics."""

import re

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from reference import SERVICES, TOPICS, VALUES
from sensor_msgs.msg import Image
from support.node import image

OF_ALL_NODES = {"/rosout", "/parameter_events", "/clock", "/enhance/transition_event"}


def full(name):
    return name.replace("~", "/enhance") if name.startswith("~") else f"/{name.lstrip('/')}"


def types_of(names_and_types):
    return {name: kinds[0] for name, kinds in names_and_types if name not in OF_ALL_NODES}


def test_the_reference_has_the_topics_services_and_diagnostics_of_a_running_node(bench):
    running = bench({"publish_compressed": True, "publish_side_by_side": True})
    camera = running.camera(Image)
    camera.publish(image(1))
    running.output(1)
    running.wait(lambda: running.diagnostics().get("last frame") == "enhanced")
    said = set(running.diagnostics())
    camera.publish(Image(encoding="bgr8", height=100, width=100))
    running.wait(lambda: running.diagnostics().get("frames rejected") == "1")
    node = running.node
    name, namespace = node.get_name(), node.get_namespace()
    documented = {way: {full(one.name): one.type for one in TOPICS if one.way == way} for way in ("in", "out")}
    services = {full(service): kind for service, kind, _ in SERVICES}
    topics_in = {topic: kind for topic, kind in documented["in"].items() if topic != "/image/compressed"}

    def published() -> dict[str, str]:
        return types_of(node.get_publisher_names_and_types_by_node(name, namespace))

    def subscribed() -> dict[str, str]:
        return types_of(node.get_subscriber_names_and_types_by_node(name, namespace))

    def served() -> dict[str, str]:
        return types_of(node.get_service_names_and_types_by_node(name, namespace))

    running.wait(  # a node learns of its own endpoints by DDS, too
        lambda: (
            len(published()) >= len(documented["out"])
            and len(subscribed()) >= len(topics_in)
            and services.keys() <= served().keys()
        )
    )
    assert published() == documented["out"]
    assert subscribed() == topics_in
    assert services.items() <= served().items()

    said = (said | set(running.diagnostics())) - {"level", "message"}
    patterns = {value.key: re.compile(re.sub(r"\b(FATE|REASON|NAME|N)\b", ".+", value.key)) for value in VALUES}
    unknown = {key for key in said if not any(pattern.fullmatch(key) for pattern in patterns.values())}
    assert {key for key in unknown if not key.endswith(" p95 ms")} == set()
    missing = [value.key for value in VALUES if not any(patterns[value.key].fullmatch(key) for key in said)]
    only_at_times = {"runtime not used N", "engine", "memory begun anew: REASON", "age of stamp p50 ms", "JPEG decoder"}
    assert set(missing) <= only_at_times
