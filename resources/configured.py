"""What every resource does with settings: take the environment in once, when a run sets it up."""

from contextlib import suppress
from typing import Any, Self, TypeVar

import dagster as dg
from pydantic import BaseModel, Field, PrivateAttr

from core.errors import SettingError
from core.settings.base import Settings, environment
from core.settings.stage import Stage
from resources.in_force import Described

Model = TypeVar("Model", bound=Settings)


class ReadsSettings(BaseModel):
    """For a resource: its settings as they were when the run set it up, or when they were first asked for.

    A field that is set, by a test or in the Launchpad, stands in for the setting of its name, and is checked as that.
    """

    stage: str | None = Field(default=None, description="Instead of HEADWATER_STAGE.")
    _environ: dict[str, str] | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Take the environment in, before anything asks; and tell the run's log what is in force."""
        self._environ = environment()
        if isinstance(self, Described) and context.log:
            with suppress(SettingError):  # the step that needs the setting fails with the same sentence
                for name, said in self.in_force().items():
                    context.log.info(f"{name}: {said}")

    def sharing(self, other: "ReadsSettings") -> Self:
        """This resource with what the other one took in."""
        self._environ = other._environ
        return self

    def settings(self, model: type[Model], **overrides: Any) -> Model:
        """A system's settings, where a field of this resource has the name of theirs as that. overrides: more of them.

        Raises:
            SettingError: with a sentence for each that is wrong.
        """
        if self._environ is None:
            self._environ = environment()
        return model.read(self._environ, **{**self.fields_of(model), **overrides})

    def fields_of(self, model: type[Settings]) -> dict[str, Any]:
        """This resource's fields that stand in for settings of the model, by name, where they are set."""
        found = {name: getattr(self, name) for name in model.model_fields if name in type(self).model_fields}
        return {name: value for name, value in found.items() if value is not None}

    def of_stage(self) -> Stage:
        """The stage and its directory."""
        return self.settings(Stage, stage=self.stage)
