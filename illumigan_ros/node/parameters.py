"""A table of settings, declared as parameters of a node: for all of it, and for each of its cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult

from illumigan_model.errors import IllumiganError
from illumigan_ros.node.setting import Change, Setting, misspelt

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.parameter import Parameter

LATER = "takes effect on configure: deactivate and clean up the node, then set it."
QOS_OVERRIDES = "qos_overrides"  # rclpy's own, which end in names such as depth


class Parameters:
    """
    The table, declared on a node; indexing gives the value that holds now.

    Changes are refused with a sentence when the value is not allowed, or when it can only take effect before
    configure and `is_configured()` says that it is too late, or when `objection(name, value)`, which is asked last,
    gives one. Raises IllumiganError for a forbidden start value.
    """

    def __init__(
        self,
        node: Node,
        table: Sequence[Setting],
        is_configured: Callable[[], bool],
        objection: Callable[[str, Any], str | None],
    ) -> None:
        self._node = node
        self.table = {setting.name: setting for setting in table}
        self._is_configured = is_configured
        self._objection = objection
        start_values = {name: parameter.value for name, parameter in node._parameter_overrides.items()}
        for setting in table:
            complaint = setting.complaint(start_values.get(setting.name, setting.default))
            if complaint:  # said here, as rclpy's own exception hides the sentence behind others
                raise IllumiganError(f"The parameter {complaint}")
            node.declare_parameter(setting.name, setting.default, _descriptor(setting))
        for name, meant in misspelt(start_values, table).items():
            node.get_logger().warning(f"There is no parameter '{name}'; did you mean '{meant}'?")
        node.add_on_set_parameters_callback(self._check)
        self.for_cameras()

    def __getitem__(self, name: str) -> Any:
        """Return the present value; KeyError for a name that is not in the table."""
        value = self._node.get_parameter(name).value
        return float(value) if isinstance(self.table[name].default, float) else value

    def for_cameras(self) -> dict[str, CameraSettings]:
        """
        Return the settings of each camera by its name.

        Raises IllumiganError where a camera that is none is given a setting, or one is given a value that it cannot
        have.
        """
        cameras: list[str] = self["cameras"]
        own = {_prefix(camera) for camera in cameras} - {""}
        for name, parameter in self._node._parameter_overrides.items():
            prefix, _, setting = name.rpartition(".")
            if not prefix or setting not in self.table or prefix.startswith(QOS_OVERRIDES):
                continue
            if prefix not in own:
                known = ", ".join(sorted(own)) or "none, see the parameter cameras"
                raise IllumiganError(f"{name} is set, but there is no camera {prefix!r}; there are: {known}.")
            complaint = _own_complaint(self.table[setting], parameter.value)
            if complaint:
                raise IllumiganError(f"The parameter {prefix}.{complaint}")
        return {camera: CameraSettings(self, self._node, camera) for camera in cameras}

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            prefix, _, name = parameter.name.rpartition(".")
            setting = self.table.get(name)
            if setting is None or prefix.startswith(QOS_OVERRIDES):  # use_sim_time and its like belong to rclpy
                continue
            if prefix and parameter.type_ == parameter.Type.NOT_SET:  # as it is declared, and to take it back
                continue
            complaint = _own_complaint(setting, parameter.value) if prefix else setting.complaint(parameter.value)
            if complaint is None and setting.change is Change.UNCONFIGURED and self._is_configured():
                complaint = f"{setting.name} {LATER}"
            if complaint is None:
                complaint = self._objection(name, parameter.value)
            if complaint:
                return SetParametersResult(successful=False, reason=complaint)
        return SetParametersResult(successful=True)


class CameraSettings:
    """The settings of one camera: its own where it has one (`front.strength`), the node's otherwise."""

    def __init__(self, parameters: Parameters, node: Node, camera: str) -> None:
        self._parameters = parameters
        self._node = node
        self._prefix = _prefix(camera)
        for setting in parameters.table.values() if self._prefix else ():
            name = f"{self._prefix}.{setting.name}"
            if not setting.is_for_node and not node.has_parameter(name):
                node.declare_parameter(name, None, _own_descriptor(setting, camera))

    def __getitem__(self, name: str) -> Any:
        """Return the present value; KeyError for a name that is not in the table."""
        own = self._node.get_parameter(f"{self._prefix}.{name}").value if self._prefix else None
        if own is None:
            return self._parameters[name]
        return float(own) if isinstance(self._parameters.table[name].default, float) else own


def _prefix(camera: str) -> str:
    """Return what stands before the names of a camera's own parameters."""
    return camera.strip("/").replace("/", ".")


def _own_complaint(setting: Setting, value: object) -> str | None:
    if setting.is_for_node:
        return f"{setting.name} is for the whole node; set it without a camera's name."
    return setting.complaint(value)


def _own_descriptor(setting: Setting, camera: str) -> ParameterDescriptor:
    return ParameterDescriptor(
        description=f"As {setting.name}, for the camera {camera} alone. {setting.description}",
        additional_constraints=f"Allowed: {setting.allowed}. May change: {setting.change.value}.",
        dynamic_typing=True,  # it has no value until it is set
    )


def _descriptor(setting: Setting) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=setting.description,
        additional_constraints=f"Allowed: {setting.allowed}. May change: {setting.change.value}.",
        read_only=setting.change is Change.START,
        # Lets `strength: 1` through to our own check, where rclpy would ask for 1.0.
        dynamic_typing=isinstance(setting.default, float),
    )
    if setting.low is None or setting.high is None:
        return descriptor
    if isinstance(setting.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=setting.low, to_value=setting.high)]
    else:
        descriptor.integer_range = [IntegerRange(from_value=int(setting.low), to_value=int(setting.high))]
    return descriptor
