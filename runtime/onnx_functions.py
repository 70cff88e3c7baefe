"""ONNX graphs that compute their constants from a model's weights: functions in ONNX's own text, called once a weight.

ONNX Runtime computes what hangs on weights alone once, when it loads a graph.
"""

from collections.abc import Iterable, Sequence

DOMAIN = "glimpse"


def add_calls(model, calls: Sequence, functions: Iterable[str]) -> None:
    """Put calls of functions into a graph, in place of the constants that they compute.

    Args:
        calls: nodes of DOMAIN, and others between them, in order; an output takes the place of the graph's initializer.
        functions: `name (inputs) => (outputs) { ... }`, as `onnx.parser` reads them; those that neither the calls nor
            the graph calls are left out.
    """
    import onnx

    graph, opset = model.graph, next(one.version for one in model.opset_import if not one.domain)
    called = {node.op_type for node in (*calls, *graph.node) if node.domain == DOMAIN}
    computed = {name for node in calls for name in node.output}
    given = {name for node in calls for name in node.input}
    first = 1 + max((n for n, node in enumerate(graph.node) if given.intersection(node.output)), default=-1)
    for text in functions:
        function = onnx.parser.parse_function(f'<opset_import: ["" : {opset}], domain: "{DOMAIN}"> {text}')
        if function.name in called:
            model.functions.append(function)
    model.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    replace(graph.node, [*graph.node[:first], *calls, *graph.node[first:]])
    replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name not in computed])


def drop_unused(graph) -> None:
    """Let go of nodes and weights that nothing takes any more."""
    before = None
    while before != len(graph.node):
        before = len(graph.node)
        taken = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        replace(graph.node, [node for node in graph.node if taken.intersection(node.output)])
    replace(graph.initializer, [weight for weight in graph.initializer if weight.name in taken])


def name_shortly(model) -> None:
    """Number what a graph computes within: long names are most of a graph's bytes where its weights lie elsewhere."""
    graph = model.graph
    outside = {value.name for value in (*graph.input, *graph.output)}
    computed = (name for node in graph.node for name in node.output if name and name not in outside)
    short = {name: f"v{number}" for number, name in enumerate(computed)}
    short |= {tensor.name: f"w{number}" for number, tensor in enumerate(graph.initializer)}
    for node in graph.node:
        node.ClearField("name")
        for names in (node.input, node.output):
            names[:] = [short.get(name, name) for name in names]
    for tensor in graph.initializer:
        tensor.name = short[tensor.name]
    graph.ClearField("value_info")


def replace(field, items: Iterable) -> None:
    """Put other items into a repeated field."""
    items = list(items)
    del field[:]
    field.extend(items)
