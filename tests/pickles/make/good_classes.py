"""Classes as users write them, for the pickles of good_objects.py. Runs on Python 2.7 and 3."""
import collections
import sys

PY2 = sys.version_info[0] == 2


def work(*args, **kwargs):
    return args, kwargs


def make_default():
    return 0


class Plain(object):
    def __init__(self, name=""):
        self.name = name

    def method(self, value=None):
        return value

    @classmethod
    def make(cls):
        return cls()


class Old:
    def __init__(self, a=1):
        self.a = a


class OldInit(Old):
    def __getinitargs__(self):
        return (2,)


class Node(object):
    def __init__(self, name, next_node=None):
        self.name, self.next = name, next_node


class Slots(object):
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = 1


class SlotsAndDict(Slots):
    def __init__(self):
        Slots.__init__(self)
        self.c = [1]


class WithState(object):
    def __getstate__(self):
        return ("state", 1)

    def __setstate__(self, state):
        self.state = state


class NewArgs(tuple):
    def __new__(cls, *args):
        return tuple.__new__(cls, args)

    def __getnewargs__(self):
        return tuple(self)


class NewArgsEx(object):
    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return (1,), {"key": [2]}


class Reduced(object):
    def __reduce__(self):
        return make_reduced, ("a", 1), {"extra": 2}


class ReducedWithItems(dict):
    def __reduce_ex__(self, protocol):
        return type(self), (), {"attr": 1}, iter([1, 2]), iter([("k", "v")])

    def append(self, item):
        pass

    def extend(self, items):
        pass


class ReducedToName(object):
    def __reduce__(self):
        return "SINGLETON"


SINGLETON = ReducedToName()


def make_reduced(*args):
    return Reduced()


class Meta(type):
    pass


Metaclassed = Meta("Metaclassed", (object,), {"__module__": __name__})


class Outer(object):
    class Inner(object):
        def __init__(self, value=None):
            self.value = value

        class Innermost(object):
            pass


class ListSub(list):
    pass


class DictSub(dict):
    pass


class SetSub(set):
    pass


class IntSub(int):
    pass


class StrSub(str):
    pass


class BytesSub(bytes):
    pass


class FloatSub(float):
    pass


class OrderedSub(collections.OrderedDict):
    pass


class DequeSub(collections.deque):
    pass


class DefaultSub(collections.defaultdict):
    pass


Pair = collections.namedtuple("Pair", "left right")


class AppError(Exception):
    def __init__(self, message="", code=0):
        Exception.__init__(self, message)
        self.code = code


class ReducedError(Exception):
    def __init__(self, message, code):
        Exception.__init__(self, message)
        self.code = code

    def __reduce__(self):
        return ReducedError, (self.args[0], self.code)


def with_cause():
    try:
        try:
            raise KeyError("k")
        except KeyError as error:
            raise_from(AppError("x"), error)
    except AppError as error:
        return error


def raise_from(error, cause):
    error.__cause__ = cause
    error.__notes__ = ["a note"]
    raise error


def with_attribute(obj):
    obj.attribute = {"x": [1, "two"]}
    return obj


def shared():
    node = Node("shared")
    return [node, node, Plain(node), {"n": node}]


MAKERS = [
    Plain,
    Old,
    OldInit,
    lambda: Node("a", Node("b")),
    Slots,
    SlotsAndDict,
    WithState,
    lambda: NewArgs(1, "b"),
    NewArgsEx,
    Reduced,
    lambda: ReducedWithItems(),
    ReducedToName,
    lambda: SINGLETON,
    lambda: Metaclassed(),
    lambda: Metaclassed,
    lambda: Outer.Inner(Outer.Inner.Innermost()),
    lambda: Outer.Inner.Innermost,
    lambda: with_attribute(ListSub([1, 2])),
    lambda: with_attribute(DictSub(a=1)),
    lambda: with_attribute(SetSub([1])),
    lambda: with_attribute(IntSub(3)),
    lambda: with_attribute(StrSub("s")),
    lambda: with_attribute(BytesSub(b"b")),
    lambda: with_attribute(FloatSub(1.5)),
    lambda: with_attribute(OrderedSub(a=1)),
    lambda: DequeSub([1], 2),
    lambda: DefaultSub(list, a=[1]),
    lambda: Pair(1, [2]),
    lambda: AppError("m", 3),
    lambda: with_attribute(Plain("x")),
    shared,
    lambda: [Plain(str(i)) for i in range(300)],
    lambda: {Pair(i, i): Node(i) for i in range(5)},
    lambda: {frozenset([1]): Plain("set")},
    lambda: type(Plain("x")),
]

if not PY2:
    import good_classes3

    MAKERS += good_classes3.MAKERS
