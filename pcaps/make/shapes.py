"""User classes that both peers can import: one for each way a class can ask to be pickled."""


class Circle(object):
    def __init__(self, radius):
        self.radius = radius

    def area(self):
        return 3.14159 * self.radius ** 2


class Old:
    """A classic class under Python 2."""

    def __init__(self):
        self.age = 40


class Reduced(object):
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __reduce__(self):
        return Reduced, (self.a, self.b)


def square(side):
    return Square(side)


class Square(object):
    """Rebuilt by a factory function."""

    def __init__(self, side):
        self.side = side

    def __reduce__(self):
        return square, (self.side,)


class Slotted(object):
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y


class Stateful(object):
    def __init__(self):
        self.cache = {"not": "sent"}
        self.kept = [1, 2, 3]

    def __getstate__(self):
        return {"kept": self.kept}

    def __setstate__(self, state):
        self.kept, self.cache = state["kept"], {}


class Keyword(object):
    """NEWOBJ_EX from protocol 4 on."""

    def __new__(cls, **options):
        self = object.__new__(cls)
        self.options = options
        return self

    def __getnewargs_ex__(self):
        return (), self.options


class Bag(list):
    """A list with attributes: APPENDS and BUILD on a user class."""
