"""The launch configurations and environment of a moment, for what starts later."""
from __future__ import annotations

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    OpaqueFunction,
    PopEnvironment,
    PopLaunchConfigurations,
    PushEnvironment,
    PushLaunchConfigurations,
)


class Scope:
    """Remembers what surrounds an action, so that it can be executed the same way later.

    A group (`GroupAction` with `PushRosNamespace`, `SetRemap`, `SetParameter` or
    `SetEnvironmentVariable`) takes its settings back when its actions have been visited; without
    this, a process that starts later would start in another namespace.
    """

    def __init__(self, context: LaunchContext) -> None:
        self._configurations = dict(context.launch_configurations)
        self._environment = dict(context.environment)

    def around(self, action: Action) -> LaunchDescription:
        """A launch description that executes the action as if it were still then."""
        return LaunchDescription([
            PushLaunchConfigurations(), PushEnvironment(),
            OpaqueFunction(function=self._restore),
            action,
            PopEnvironment(), PopLaunchConfigurations()])

    def _restore(self, context: LaunchContext) -> None:
        for now, then in ((context.launch_configurations, self._configurations),
                          (context.environment, self._environment)):
            now.clear()
            now.update(then)
