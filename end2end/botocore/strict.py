"""Strict reading of AWS answers: the raw body against botocore's service model.

botocore's own parser silently drops members it does not know and takes any value for an enum.
Here each of these is a complaint with the path to it.
"""

import json
import xml.etree.ElementTree as ElementTree

# Errors that AWS's services answer to any operation; they are not in the service models.
COMMON_ERRORS = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "MissingAuthenticationTokenException",
    "SerializationException",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    # of the query protocol
    "AccessDenied",
    "ExpiredToken",
    "InvalidAction",
    "InvalidClientTokenId",
    "ValidationError",
}

NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float), "timestamp": (int, float)}


def complaints_about(operation, status, body, protocol):
    """All that is wrong with the raw `body` that answered `operation`, a botocore operation model."""
    if protocol == "query":
        return _query(operation, status, body)
    try:
        value = json.loads(body)
    except ValueError as error:
        return [f"not JSON: {error}"]
    if status >= 400:
        return _error(operation, value.pop("__type", None), value.pop("message", None), value)
    if operation.output_shape is None:
        return [] if value == {} else [f"an answer where none is modelled: {value}"]
    return _shape(operation.output_shape, value, operation.name)


def _error(operation, code, message, rest):
    found = []
    modelled = {shape.name for shape in operation.error_shapes}
    modelled |= {shape.metadata.get("error", {}).get("code") for shape in operation.error_shapes}
    if code not in modelled | COMMON_ERRORS:
        found.append(f"error {code} is not modelled for {operation.name}")
    if not isinstance(message, str) or not message:
        found.append(f"error {code} has no message")
    shape = next((shape for shape in operation.error_shapes if shape.name == code), None)
    for member in rest:
        if shape is None or member not in shape.members:
            found.append(f"error {code} has the unknown member {member}")
    return found


def _shape(shape, value, path):
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, value, path)
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path}: {value!r} is not a list"]
        return [c for i, item in enumerate(value) for c in _shape(shape.member, item, f"{path}[{i}]")]
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is not a map"]
        found = [c for key in value for c in _shape(shape.key, key, f"{path} key")]
        return found + [c for key, item in value.items() for c in _shape(shape.value, item, f"{path}.{key}")]
    if kind in NUMBERS:
        right = isinstance(value, NUMBERS[kind]) and not isinstance(value, bool)
    elif kind == "boolean":
        right = isinstance(value, bool)
    else:
        right = isinstance(value, str)
    if not right:
        return [f"{path}: {value!r} is not a {kind}"]
    if kind == "timestamp" and not 0 <= value < 32503680000:
        return [f"{path}: {value!r} is not in seconds"]
    if getattr(shape, "enum", None) and value not in shape.enum:
        return [f"{path}: {value!r} is not one of {shape.enum}"]
    return []


def _structure(shape, value, path):
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is not a structure"]
    found = [f"{path}: required member {name} is missing" for name in shape.required_members if name not in value]
    for name, item in value.items():
        if name not in shape.members:
            found.append(f"{path}: unknown member {name}")
        elif item is None:
            found.append(f"{path}.{name}: null")
        else:
            found += _shape(shape.members[name], item, f"{path}.{name}")
    return found


def _query(operation, status, body):
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        return [f"not XML: {error}"]
    namespace = "{" + operation.service_model.metadata["xmlNamespace"] + "}"
    if not root.tag.startswith(namespace):
        return [f"wrong XML namespace: {root.tag}"]
    if status >= 400:
        error = root.find(f"{namespace}Error")
        text = {child.tag.removeprefix(namespace): child.text for child in error}
        if text.pop("Type", None) not in ("Sender", "Receiver"):
            return ["an error without type"]
        return _error(operation, text.pop("Code", None), text.pop("Message", None), text)
    shape = operation.output_shape
    result = root.find(namespace + shape.serialization.get("resultWrapper", f"{operation.name}Result"))
    if result is None:
        return [f"no {operation.name}Result"]
    return _element(shape, result, namespace, operation.name)


def _element(shape, element, namespace, path):
    """Only what STS needs: structures of plain members."""
    if shape.type_name != "structure":
        if shape.type_name == "integer" and not (element.text or "").isdigit():
            return [f"{path}: {element.text!r} is not an integer"]
        return [] if element.text else [f"{path}: empty"]
    names = [child.tag.removeprefix(namespace) for child in element]
    found = [f"{path}: required member {name} is missing" for name in shape.required_members if name not in names]
    for name, child in zip(names, element):
        if name in shape.members:
            found += _element(shape.members[name], child, namespace, f"{path}.{name}")
        else:
            found.append(f"{path}: unknown member {name}")
    return found
