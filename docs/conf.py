"""How the documentation site is built: ``nox -s docs``."""

import os
import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("_site")))

project = "Tokenward"
author = "The Tokenward developers"
copyright = "The Tokenward developers"  # noqa: A001 - the name of the setting
version = release = metadata.version("tokenward")
# Where the site will be, for canonical links and the social card, which need full addresses.
html_baseurl = os.environ.get("DOCS_URL", "")

extensions = [
    "myst_parser",
    "tokenward_site",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_llms_txt",
    "sphinxext.opengraph",
]
# A reference to a name of ours must lead somewhere. The names of other projects are not linked:
# the build would depend on their servers.
nitpicky = True
# A short name such as `type` may be found twice: the reference then links the first.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# The docstrings write `name` for whatever is defined somewhere.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    # A class shows what it inherits from a class of ours, and nothing of these.
    "inherited-members": "ABC,BaseException,BaseModel,BaseSettings,Generic,Protocol,dict,str,tuple",
    "show-inheritance": True,
}
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True

templates_path = ["_templates"]
html_theme = "furo"
html_title = "Tokenward"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_sphinx = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/version.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

ogp_site_url = html_baseurl
ogp_image = "_static/social-card.png"
ogp_social_cards = {"enable": False}
