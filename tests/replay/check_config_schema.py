#!/usr/bin/env python3
"""Holds the JSON Schema of the configuration against the program: check_config_schema.py SCHEMA KEYS.json YAML...

KEYS.json is `pickletap check-config --dump --json` with nothing configured. Says, a line each, where the schema's keys,
defaults or descriptions differ from it, and which of the YAML files break the schema (FILE: where: what). Exit 0: no
such line; 1: some; 2: bad usage or an unusable schema.
"""

import json
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    sys.exit(f"check_config_schema.py needs python3-jsonschema and python3-yaml: {error}")

ABSENT = object()


def leaves(schema, root, path=()):
    """(key, schema of its value) of every key, rules included."""
    if "$ref" in schema and schema["$ref"].startswith("#/$defs/") and "default" not in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "properties" not in schema:
        yield ".".join(path), schema
        return
    if schema.get("additionalProperties", True) is not False:
        print(f"{'.'.join(path) or '(root)'}: allows keys there are not")
    for name, below in schema["properties"].items():
        yield from leaves(below, root, path + (name,))


def differences(schema, keys):
    in_schema = dict(leaves(schema, schema))
    for name in sorted(set(keys) - set(in_schema)):
        yield f"{name}: not in the schema"
    for name in sorted(set(in_schema) - set(keys)):
        yield f"{name}: in the schema and no key"
    for name in sorted(set(in_schema) & set(keys)):
        default = in_schema[name].get("default", ABSENT)
        value = keys[name]["value"]
        if default is ABSENT or default != value or type(default) is not type(value):
            yield f"{name}: default {default!r}, the program's is {value!r}"
        if in_schema[name].get("description") != keys[name]["description"]:
            yield f"{name}: described otherwise: {keys[name]['description']}"
        if keys[name]["origin"] != "default":
            yield f"{name}: KEYS.json has a value from {keys[name]['origin']}"


def violations(validator, name):
    with open(name, encoding="utf-8") as stream:
        value = yaml.safe_load(stream)
    for error in validator.iter_errors(value):
        where = ".".join(map(str, error.absolute_path)) or "(file)"
        yield f"{name}: {where}: {error.message[:200]}"


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as stream:
            schema = json.load(stream)
        with open(arguments[1], encoding="utf-8") as stream:
            keys = json.load(stream)
        jsonschema.Draft202012Validator.check_schema(schema)
    except (OSError, ValueError, jsonschema.SchemaError) as error:
        print(f"unusable: {error}", file=sys.stderr)
        return 2
    validator = jsonschema.Draft202012Validator(schema)
    lines = list(differences(schema, keys))
    for name in arguments[2:]:
        lines.extend(violations(validator, name))
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
