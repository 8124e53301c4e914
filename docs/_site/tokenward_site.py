"""What Tokenward adds to Sphinx.

Each public name is documented once, and found from wherever it is named. Links that lead to the
Markdown pages at the top of the repository lead to the pages of the site that include them. A long
name in a table is broken between its words.
"""

import re
import sys
from importlib import import_module
from typing import Any, cast

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import make_refnode

# The modules with a page in the reference. A name that several of them export is documented in
# the first.
MODULES = [
    "tokenward",
    "tokenward.claims",
    "tokenward.engine",
    "tokenward.engine.introspection",
    "tokenward.engine.telemetry",
    "tokenward.errors",
    "tokenward.hooks",
    "tokenward.http",
    "tokenward.http.dpop",
    "tokenward.http.endpoints",
    "tokenward.http.logout",
    "tokenward.http.mtls",
    "tokenward.http.service_auth",
    "tokenward.keys",
    "tokenward.policy",
    "tokenward.settings",
    "tokenward.stores",
    "tokenward.stores.mirror",
    "tokenward.stores.redis",
    "tokenward.stores.sql",
    "tokenward.testing",
    "tokenward.testing.pytest_plugin",
    "tokenward.tokens",
    "tokenward_fastapi",
    "tokenward_fastapi.authjwt",
    "tokenward_fastapi.authjwt.exceptions",
    "tokenward_litestar",
    "tokenward_quart",
]
# Classes of ours that appear in public signatures and that nobody imports: their methods are
# documented with the classes that inherit them.
INTERNAL = {
    "tokenward.engine.issuing.IssuingMethods",
    "tokenward.engine.listing.ListingMethods",
    "tokenward.engine.refreshing.RefreshingMethod",
    "tokenward.engine.revoking.RevokingMethods",
    "tokenward.engine.running.RunningMethods",
    "tokenward.errors._ClaimError",
    "tokenward.http.refresh_methods.RefreshMethods",
    "tokenward.http.refusal_method.RefusalMethod",
    "tokenward.http.endpoints.caller_endpoint.CallerEndpoint",
    "tokenward.jose.algorithms.Algorithm",
    "tokenward.jose.key_export.ExportMethods",
    "tokenward.keys.ring_changes.ChangingMethods",
    "tokenward.settings.strict_settings.StrictSettings",
    "tokenward.stores.redis.feed.RedisFeed",
    "tokenward.stores.redis.session_records_method.SessionRecordsMethod",
    "tokenward.stores.sql.feed.SqlFeed",
    "tokenward.stores.sql.session_records_method.SessionRecordsMethod",
    "tokenward.stores.wrapper.StoreWrapper",
    "tokenward.testing.signing_in.SignedIn",
    "tokenward.testing.store_uses.StoreUsesContract",
    "tokenward_fastapi._endpoints.EndpointMethod",
    "tokenward_fastapi._lifespan.LifespanMethod",
    "tokenward_fastapi.authjwt._async_class.AsyncClass",
    "tokenward_fastapi.authjwt.auth_config.AuthConfig",
    "tokenward_litestar._guard.ClaimsGuard",
    "tokenward_litestar._endpoints.EndpointMethod",
    "tokenward_litestar._lifespan.LifespanMethod",
    "tokenward_quart._decorator.ViewDecorator",
    "tokenward_quart._guard_method.GuardMethod",
    "tokenward_quart._endpoints.EndpointMethod",
    "tokenward_quart._lifespan.LifespanMethod",
}


# A link to a page at the top of the repository, and the pages of the site that include them.
_TOP = re.compile(
    r"\]\((?:\.\./)?(CHANGELOG|CODE_OF_CONDUCT|CONTRIBUTING|SECURITY|benchmarks/README)\.md"
)
_INCLUDED = {
    "CHANGELOG": "changelog",
    "CODE_OF_CONDUCT": "code-of-conduct",
    "CONTRIBUTING": "contributing",
    "SECURITY": "security-policy",
    "benchmarks/README": "benchmarks",
}

# The cells of tables, the long names in code, and where the words of a name meet.
_CELL = re.compile("<td.*?</td>", re.DOTALL)
_CODE = re.compile(r'(?<=<span class="pre">)[^<]{16,}')
_SEAM = re.compile(r"(?<=[_./=(\[-])(?=[\w{])|(?<=[a-z])(?=[A-Z])")

# The parts of `AdapterContract`.
INTERNAL_PACKAGE = "tokenward.testing.adapters."


def public_names(module_name: str) -> list[str]:
    """Return the names that a module exports, or without `__all__` those that it defines."""
    module = import_module(module_name)
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module_name
    ]


def find_homes() -> dict[int, str]:
    """Return where each object is documented, by the object's identity."""
    homes: dict[int, str] = {}
    for module_name in MODULES:
        module = import_module(module_name)
        for name in public_names(module_name):
            value = getattr(module, name)
            setattr(module, name, value)  # autodoc sees no name that is imported when it is used
            homes.setdefault(id(value), f"{module_name}.{name}")
    return homes


HOMES = find_homes()


def describe_constants(_app: Sphinx) -> None:
    """Let a module that exports a constant or an alias of another have its docstring too."""
    own = [name for name in sys.modules if name.partition(".")[0].startswith("tokenward")]
    described = {
        (id(vars(sys.modules[name])[attribute]), attribute): text
        for name in own
        for (scope, attribute), text in ModuleAnalyzer.for_module(name).find_attr_docs().items()
        if not scope and attribute in vars(sys.modules[name])
    }
    for module_name in MODULES:
        found = ModuleAnalyzer.for_module(module_name).find_attr_docs()
        for name in public_names(module_name):
            text = described.get((id(getattr(sys.modules[module_name], name)), name))
            if text:
                found["", name] = text


def skip_elsewhere(app: Sphinx, _kind: str, name: str, value: object, *_: object) -> bool | None:
    """Skip a member of a module that is documented on the page of another module."""
    module = app.env.current_document.autodoc_module
    home, _, home_name = HOMES.get(id(value), "").rpartition(".")
    return True if module and home_name == name and home != module else None


def link(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Link a name to its documentation. A name of another project stays as text."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    found = documented_name(env, target)
    if found:
        entry = env.domains.python_domain.objects[found]
        return make_refnode(
            app.builder, node["refdoc"], entry.docname, entry.node_id, content, found
        )
    is_type = node["reftype"] == "class" and target.startswith("tokenward")
    is_internal = target in INTERNAL or target.startswith(INTERNAL_PACKAGE)
    is_type_variable = target.endswith("T")
    return None if is_type and not is_type_variable and not is_internal else content


def documented_name(env: BuildEnvironment, target: str) -> str:
    """Return the full name under which a target is documented, else an empty text."""
    objects = env.domains.python_domain.objects
    module, _, name = target.rpartition(".")
    defined = getattr(sys.modules.get(module), name, None)
    home = HOMES.get(id(defined), "") if defined is not None else ""
    if home in objects:
        return home
    matches = {each for each in objects if each.endswith(f".{target}")}
    return matches.pop() if len(matches) == 1 else ""


def relink(_app: Sphinx, *event: object) -> None:
    """Replace links to included pages; on the pages of the repository they lead to the files."""
    content = cast("list[str]", event[-1])
    content[0] = _TOP.sub(lambda found: f"]({_INCLUDED[found[1]]}.md", content[0])


def break_names(
    _app: Sphinx, _name: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Let a column of a table be narrower than its longest name, without breaking a word."""

    def broken(cell: re.Match[str]) -> str:
        return _CODE.sub(lambda name: _SEAM.sub("<wbr>", name[0]), cell[0])

    if "body" in context:
        context["body"] = _CELL.sub(broken, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("builder-inited", describe_constants)
    app.connect("autodoc-skip-member", skip_elsewhere)
    app.connect("source-read", relink)
    app.connect("include-read", relink)
    app.connect("missing-reference", link)
    app.connect("html-page-context", break_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
