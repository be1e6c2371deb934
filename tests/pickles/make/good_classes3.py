"""Classes of Python 3 as users write them: enums, dataclasses, typed ones. See good_classes.py."""
import enum
import sys
import typing

MAKERS = []


class Plain:
    pass


class Color(enum.Enum):
    RED, GREEN = 1, "g"


class Level(enum.IntEnum):
    LOW, HIGH = 1, 2


class Access(enum.Flag):
    READ, WRITE = 1, 2


class Mode(enum.IntFlag):
    A, B = 1, 2


class Text(str, enum.Enum):
    YES = "yes"


class Holder(object):
    class Nested(enum.Enum):
        X = (1, "tuple")


class Typed(typing.NamedTuple):
    name: str
    count: int = 0


T = typing.TypeVar("T")


class Box(typing.Generic[T]):
    def __init__(self, value):
        self.value = value


MAKERS += [
    lambda: list(Color),
    lambda: list(Level),
    lambda: Access.READ | Access.WRITE,
    lambda: Mode.A | Mode.B,
    lambda: Mode(0),
    lambda: Text.YES,
    lambda: Holder.Nested.X,
    lambda: Typed("a"),
    lambda: Box(1),
    lambda: Box[int],
    lambda: Box[int]("x"),
    lambda: typing.List[Plain],
    lambda: typing.Dict[str, typing.Optional[Plain]],
    lambda: typing.Union[Plain, int],
    lambda: typing.Callable[[Plain], int],
    lambda: T,
    lambda: Color,
    lambda: {Color.RED: Level.HIGH},
]
if hasattr(enum, "StrEnum"):

    class Word(enum.StrEnum):
        GO = enum.auto()

    MAKERS += [lambda: Word.GO]

try:
    import dataclasses
except ImportError:  # 3.6
    dataclasses = None
if dataclasses:

    @dataclasses.dataclass
    class Job:
        name: str
        tags: list = dataclasses.field(default_factory=list)

    @dataclasses.dataclass(frozen=True, order=True)
    class Frozen:
        x: int
        y: float = 0.0

    MAKERS += [
        lambda: Job("a", ["t"]),
        lambda: Frozen(1),
        lambda: [Job(str(i)) for i in range(20)],
        lambda: dataclasses.asdict(Job("a")),
        lambda: dataclasses.replace(Frozen(1), x=2),
    ]
    if sys.version_info >= (3, 10):

        @dataclasses.dataclass(slots=True, frozen=True)
        class Slotted:
            x: int

        MAKERS += [lambda: Slotted(1)]

if sys.version_info >= (3, 9):
    MAKERS += [lambda: list[Plain], lambda: dict[str, Box[int]]]
if sys.version_info >= (3, 10):
    MAKERS += [lambda: Plain | None, lambda: int | str]
