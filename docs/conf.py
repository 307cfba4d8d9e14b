"""How Sphinx builds the documentation; `make docs` runs it, `contributing.md` says why so."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from scopf import __version__  # noqa: E402  (of the checkout, not of an installed package)

project = "scopf"
author = "the scopf developers"
copyright = "the scopf developers, MIT licence"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    # our own, in _ext
    "mathematics",
    "plain_docstrings",
    "type_names",
    "generated",
    "outputs",
    "notebooks",
]
exclude_patterns = ["_build"]
nitpicky = True
suppress_warnings = ["ref.python"]  # two classes of one name: both are there, none is missing
highlight_language = "text"  # what is not said to be Python is none
smartquotes = False  # a table of numbers needs its minus signs and quotes as they stand

# Markdown and notebooks
myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
nb_execution_mode = "off"  # notebooks are committed with their output; the tests execute them

# The package
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_default_options = {"members": True}
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True  # fields of a dataclass are said once, in the docstring of the class
python_use_unqualified_type_names = True
toc_object_entries = False  # in the sidebar of every page they take a third of the time
maximum_signature_line_length = 80
# Names of other projects, whose inventories a build without a network does not have.
OTHERS = "abc casadi collections concurrent ctypes enum inspect io logging matplotlib"
OTHERS += " networkx numpy os pandapower pandas pathlib pd pyarrow pydantic pyo pyomo scipy types"
OTHERS += " multiprocessing powsybl pypowsybl pypsa typing"
nitpick_ignore_regex = [
    ("py:.*", rf"({'|'.join(OTHERS.split())})\..*"),
    # Signatures show these as they are written.
    (
        "py:class",
        r"Path|Coefficient|Executor|Interface|Options|costs\.Source|_Positive|[gl][et]=\d+",
    ),
    ("py:class", r"outages_of\.Given|Slack|Start|_Lost|_NotNegative|_Flag|_load|_checks"),
    ("py:class", r"BeforeValidator|strict=True"),
    ("py:class", r"scopf\.results\.stored\._\w+"),
]

# HTML
html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "scopf"
html_static_path = ["_static"]
html_css_files = ["scopf.css"]
html_show_sphinx = False
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e6e", "color-brand-content": "#0b6e6e"},
    "dark_css_variables": {"color-brand-primary": "#5cc8c2", "color-brand-content": "#5cc8c2"},
}
html_math_renderer = "mathml"
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"
