"""Sphinx configuration: `make docs` builds the site into build/docs."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_sphinx"), str(HERE.parent)]

from nbclient import NotebookClient  # noqa: E402

import emgnb  # noqa: E402

# On a busy machine a kernel takes longer to start than 60 s, and MyST-NB has no setting for it.
NotebookClient.startup_timeout = 600

project = "emgnb"
author = "The emgnb authors"
copyright = author
version = release = emgnb.__version__

extensions = [
    "numpydoc",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "api_pages",
    "code_links",
    "docstrings",
    "figures",
    "layers",
    "repository_links",
    "tutorials",
]
# The slides become a page among the tutorials; the paper is filled by `make paper`.
exclude_patterns = ["_sphinx", "_static", "_templates", "slides.ipynb", "paper"]
templates_path = ["_templates"]

# `name` in a docstring is code; `code_links` makes it a link where it is a name of emgnb.
default_role = "literal"
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!emgnb\.).*"),  # names of other projects
    (r"py:.*", r"emgnb\..*\._?[A-Z]\w*$"),  # type aliases of signatures
]
suppress_warnings = ["misc.highlighting_failure"]

autosummary_generate = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

myst_enable_extensions = ["colon_fence", "deflist", "tasklist"]
myst_heading_anchors = 4

nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "notebooks")
nb_execution_timeout = 900
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_ipywidgets_js = {}  # nothing is loaded from another host
nb_merge_streams = True

html_theme = "pydata_sphinx_theme"
html_title = "emgnb"
html_static_path = ["_static"]
html_css_files = ["emgnb.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "gallery": [], "failures": []}
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "collapse_navigation": True,  # 300 pages, each with all others beside it, take minutes to write
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
