"""Stages: callables with options that compose with `>>` and `Pipeline`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
Next = TypeVar("Next")


class Stage(ABC, Generic[In, Out]):
    """One step from `In` to `Out`. It changes nothing it is given; `a >> b` runs b on what a returns."""

    @abstractmethod
    def __call__(self, data: In, /) -> Out: ...

    def __rshift__(self, other: Callable[[Out], Next]) -> "Pipeline[In, Next]":
        return Pipeline([self, other])

    def run_inference(self, data: In) -> dict[str, Out]:
        """The result under the key "result", as pipelines of Open3D-ML are called."""
        return {"result": self(data)}


class Pipeline(Stage[In, Out]):
    """Stages, or any callables, one after the other.

    >>> Pipeline([str.strip, str.upper])(" room ")
    'ROOM'
    """

    def __init__(self, stages: Sequence[Callable[[Any], Any]]) -> None:
        if not stages:
            raise ValueError("a pipeline needs at least one stage")
        self.stages: tuple[Callable[[Any], Any], ...] = tuple(
            step for stage in stages for step in (stage.stages if isinstance(stage, Pipeline) else (stage,))
        )

    def __call__(self, data: In, /) -> Out:
        result: Any = data
        for stage in self.stages:
            result = stage(result)
        return result
