#!/usr/bin/env python3
"""Pickles that numpy, pandas, scikit-learn, scipy, joblib, cloudpickle and dill make of data, as far as they are there.

    good_packages.py OUTPUT.jsonl

Lines and picklers as in good_objects.py, `source` is the package. Functions and classes that cloudpickle and dill would
carry as bytecode are no harmless data (pickle.code-object) and are not made here. PyTorch is not needed: the names and
the form of what torch.save and DataLoader workers write (torch 2.4 torch/_utils.py, torch/serialization.py) are made
with
stand-in modules, source "torch-shaped".
"""
import collections
import importlib
import io
import pickle
import sys
import threading
import types
import warnings

import good_objects
import good_record


def numpy_objects(np):
    for kind in (
        "b1",
        "i1",
        "u2",
        "i4",
        "i8",
        "f2",
        "f4",
        "f8",
        "c8",
        "c16",
        "S3",
        "U3",
        "M8[ns]",
        "m8[s]",
        ">f8",
        ">i4",
    ):
        array = np.zeros((2, 3), dtype=kind)
        yield array
        yield array[0, 0], array.T, np.asfortranarray(array), array.dtype, array[:0]
    yield np.array([1, "a", None, {"x": [1]}], dtype=object), np.array(5), np.arange(10000.0), np.ones((3, 1))[:, 0]
    yield np.array([(1, 2.0, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U5")]), np.rec.array(
        [(1, 2.0)], names="a,b"
    )
    yield np.ma.array([1, 2, 3], mask=[0, 1, 0]), np.ma.masked, np.matrix([[1, 2]]), np.str_("a"), np.bytes_(
        b"a"
    ), np.void(b"ab")
    yield np.random.RandomState(3), np.random.default_rng(3), np.random.Generator(
        np.random.PCG64(1)
    ), np.random.SeedSequence(5)
    yield np.random.MT19937(1), np.random.Philox(1), np.random.SFC64(1)
    yield np.float64, np.int32, np.ndarray, np.sin, np.add, np.mean, np.poly1d([1, 2]), np.datetime64(
        "2020-01-01"
    ), np.timedelta64(3, "D")
    yield np.polynomial.Polynomial([1, 2]), np.linalg.LinAlgError("singular"), np.finfo(
        float
    ).eps, np.nan, np.iinfo, np.s_[1:3]
    yield {"x": np.float32(1.5), "y": [np.int64(3)] * 5, "z": (np.bool_(True), np.complex128(1j))}


def pandas_objects(pd):
    frame = pd.DataFrame(
        {"i": [1, 2], "f": [0.5, None], "s": ["a", "b"], "t": pd.to_datetime(["2020-01-01", "2021-01-01"])}
    )
    yield frame
    yield frame.set_index("s"), frame["i"], frame.index, frame.dtypes, frame.describe(), frame.iloc[:0], pd.DataFrame()
    yield frame.astype({"s": "category"}), pd.Categorical(["a", "b", "a"], ordered=True), frame.groupby("s").sum(
        numeric_only=True
    )
    yield pd.MultiIndex.from_product([["a", "b"], [1, 2]]), pd.Index(["x"]), pd.RangeIndex(5), pd.Index([1.5])
    yield pd.date_range("2020-01-01", periods=3, tz="UTC"), pd.period_range(
        "2020", periods=2, freq="M"
    ), pd.timedelta_range("1D", periods=2)
    yield pd.interval_range(0, 3), pd.Timestamp("2020-01-01", tz="UTC"), pd.Timedelta(1), pd.Period(
        "2020-01", "M"
    ), pd.NaT, pd.NA
    yield pd.Interval(0, 1), pd.offsets.Day(2), pd.offsets.BMonthEnd(), pd.tseries.offsets.Hour(3), pd.DateOffset(
        months=1
    )
    yield pd.array([1, None], dtype="Int64"), pd.array(["a", None], dtype="string"), pd.array(
        [True, None], dtype="boolean"
    )
    yield pd.Series([1, 2], dtype="Sparse[int]"), pd.Series(["a", "b"], name="n"), pd.Series(
        [1.0], index=[pd.Timestamp("2020-01-01")]
    )
    yield pd.CategoricalDtype(["a"]), pd.Int64Dtype(), pd.DatetimeTZDtype(tz="UTC"), pd.PeriodDtype(
        "D"
    ), pd.StringDtype()
    yield pd.errors.ParserError("x"), pd.Flags if hasattr(pd, "Flags") else None, frame.assign(x=lambda d: d.i)


def sklearn_objects(np):
    x, y = np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5)
    for module, name, options in (
        ("linear_model", "LinearRegression", {}),
        ("linear_model", "LogisticRegression", {}),
        ("linear_model", "Ridge", {}),
        ("linear_model", "SGDClassifier", {}),
        ("tree", "DecisionTreeClassifier", {}),
        ("svm", "SVC", {}),
        ("dummy", "DummyClassifier", {}),
        ("ensemble", "RandomForestClassifier", {"n_estimators": 2}),
        ("ensemble", "GradientBoostingRegressor", {"n_estimators": 2}),
        ("ensemble", "HistGradientBoostingClassifier", {"max_iter": 2}),
        ("neighbors", "KNeighborsClassifier", {"n_neighbors": 2}),
        ("neighbors", "KDTree", None),
        ("cluster", "KMeans", {"n_clusters": 2, "n_init": 1}),
        ("decomposition", "PCA", {}),
        ("preprocessing", "StandardScaler", {}),
        ("preprocessing", "OneHotEncoder", {}),
        ("preprocessing", "MinMaxScaler", {}),
        ("naive_bayes", "GaussianNB", {}),
        ("neural_network", "MLPClassifier", {"max_iter": 2, "hidden_layer_sizes": (3,)}),
        ("gaussian_process", "GaussianProcessRegressor", {}),
        ("ensemble", "IsolationForest", {"n_estimators": 2}),
    ):
        try:
            cls = getattr(importlib.import_module("sklearn." + module), name)
            yield cls(x) if options is None else cls(**options).fit(x, y)
        except ImportError:
            return
    pipeline = importlib.import_module("sklearn.pipeline")
    scaler, ridge = (
        importlib.import_module("sklearn.preprocessing").StandardScaler,
        importlib.import_module("sklearn.linear_model").Ridge,
    )
    yield pipeline.make_pipeline(scaler(), ridge()).fit(x, y)
    yield importlib.import_module("sklearn.model_selection").GridSearchCV(ridge(), {"alpha": [1, 2]}, cv=2).fit(x, y)
    text = importlib.import_module("sklearn.feature_extraction.text")
    yield text.CountVectorizer().fit(["a few words"]), text.TfidfVectorizer().fit(["a few words"])
    yield importlib.import_module("sklearn.utils").Bunch(a=1), importlib.import_module(
        "sklearn.exceptions"
    ).NotFittedError("x")


def scipy_objects(_):
    sparse = importlib.import_module("scipy.sparse")
    for kind in ("csr_matrix", "csc_matrix", "coo_matrix", "dok_matrix", "lil_matrix"):
        yield getattr(sparse, kind)([[1, 0], [0, 2]])
    yield importlib.import_module("scipy.stats").norm(), importlib.import_module("scipy.optimize").OptimizeResult(x=1)
    yield importlib.import_module("scipy.interpolate").interp1d([1, 2], [3, 4]), importlib.import_module(
        "scipy.spatial"
    ).cKDTree([[1, 2]])
    yield importlib.import_module("scipy.spatial.transform").Rotation.identity()


def joblib_files(np):
    joblib = importlib.import_module("joblib")
    for obj in ({"a": 1}, [np.arange(3)], {"model": np.ones((2, 2)), "names": ["x"]}, np.float64(2)):
        out = io.BytesIO()
        joblib.dump(obj, out)
        # an array is written raw behind the wrapper that announces it: such a file is no pickle from end to end
        if not any(
            isinstance(item, np.ndarray)
            for item in (obj.values() if isinstance(obj, dict) else obj if isinstance(obj, list) else [])
        ):
            yield out.getvalue()
    parallel = importlib.import_module("joblib.parallel")
    yield pickle.dumps(joblib.delayed(len)("abc"))
    yield pickle.dumps(parallel.BatchedCalls([joblib.delayed(max)(1, 2)], ("loky", 1)))


def other_dumpers():
    values = [
        {"a": [1, 2.5, "x"]},
        collections.OrderedDict(a=1),
        good_objects.user.Plain("x"),
        good_objects.user.Node("n"),
        len,
        good_objects.user.work,
        ValueError("x"),
        {1, 2},
        range(3),
        good_objects.user.Plain("b").method,
    ]
    for name in ("cloudpickle", "dill"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for value in values:
            yield name, module.dumps(value)


def stand_in(module, names):
    made = types.ModuleType(module)
    sys.modules[module] = made
    parent, _, child = module.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, made)
    for name in names:
        if name[0].isupper() or name.startswith("float"):
            value = type(name, (), {"__module__": module, "__init__": lambda self, *args: None})
        else:

            def value(*args):
                return None

            value.__name__ = value.__qualname__ = name
            value.__module__ = module
        setattr(made, name, value)
    return made


class ReducesTo:
    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


class StorageKey:
    def __init__(self, key):
        self.key = key


def torch_shaped():
    """A state dict, a model and tensors sent between processes."""
    torch = stand_in("torch", ["FloatStorage", "LongStorage", "Size", "device"])
    utils = stand_in("torch._utils", ["_rebuild_tensor_v2", "_rebuild_parameter"])
    stand_in("torch.nn", [])
    stand_in("torch.nn.modules", [])
    linear = stand_in("torch.nn.modules.linear", ["Linear"])
    stand_in("torch.multiprocessing", [])
    shared = stand_in(
        "torch.multiprocessing.reductions", ["rebuild_tensor", "rebuild_storage_filename", "rebuild_storage_fd"]
    )
    tensor = ReducesTo(utils._rebuild_tensor_v2, (StorageKey("0"), 0, (2, 3), (3, 1), False, collections.OrderedDict()))
    parameter = ReducesTo(utils._rebuild_parameter, (tensor, True, collections.OrderedDict()))
    layer = linear.Linear()
    layer.__dict__.update(
        training=True,
        _parameters=collections.OrderedDict(weight=parameter, bias=None),
        in_features=3,
        _backward_hooks=collections.OrderedDict(),
        _modules=collections.OrderedDict(),
    )
    state = collections.OrderedDict([("fc.weight", tensor), ("fc.bias", tensor)])
    sent = ReducesTo(
        shared.rebuild_tensor,
        (
            torch.FloatStorage,
            ReducesTo(shared.rebuild_storage_filename, (torch.FloatStorage, b"/tmp/manager", b"/torch_1_2", 24)),
            (0, torch.Size((2,)), (1,), False),
        ),
    )

    class Saver(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, StorageKey):
                return ("storage", torch.FloatStorage, obj.key, "cpu", 6)
            return None

    for protocol in (2, 3, 4, 5):
        for obj in (
            tensor,
            state,
            layer,
            {"epoch": 3, "model": state, "optimizer": {"state": {0: {"step": 1}}, "lr": 0.1}},
            sent,
        ):
            out = io.BytesIO()
            Saver(out, protocol).dump(obj)
            good_objects.write("torch-shaped", out.getvalue())
        if protocol < 5:
            good_objects.write("torch-shaped", pickle.dumps(119547037146038801333356, protocol))


def main():
    warnings.simplefilter("ignore")
    good_record.state["fd"] = good_record.os.open(
        sys.argv[1], good_record.os.O_WRONLY | good_record.os.O_APPEND | good_record.os.O_CREAT, 0o600
    )
    counts = collections.Counter()
    for package, needs, objects in (
        ("numpy", "numpy", numpy_objects),
        ("pandas", "pandas", pandas_objects),
        ("sklearn", "numpy", sklearn_objects),
        ("scipy", "numpy", scipy_objects),
    ):
        try:
            importlib.import_module(package)
            made = objects(importlib.import_module(needs))
        except ImportError:
            continue
        for obj in made:
            for item in obj if type(obj) is tuple else (obj,):
                counts[package] += good_objects.dump(package, item)
    try:
        for data in joblib_files(importlib.import_module("numpy")):
            good_objects.write("joblib", data)
            counts["joblib"] += 1
    except ImportError:
        pass
    for name, data in other_dumpers():
        good_objects.write(name, data)
        counts[name] += 1
    if "torch" not in sys.modules:
        torch_shaped()
    print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], dict(counts)))
    sys.stdout.flush()


if __name__ == "__main__":
    threading.Timer(240, good_record.os._exit, (2,)).start()
    main()
    good_record.os._exit(0)
