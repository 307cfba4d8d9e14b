"""Formulas as MathML: browsers draw it themselves, without a script and without a network.

docutils does the conversion. A formula that it cannot read is a warning, and so fails the build.
"""

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

log = logging.getLogger(__name__)


def convert(node, *, block):
    """MathML of a math node; the formula as it was written where that fails."""
    try:
        return tex2mathml(node.astext(), as_block=block)
    except (MathError, IndexError) as error:  # the second where a command lacks what follows it
        log.warning("formula %r: %s", node.astext(), error, location=node)
        return f"<code>{node.astext()}</code>"


def inline(writer, node):
    """A formula within a line."""
    writer.body.append(convert(node, block=False))
    raise SkipNode


def displayed(writer, node):
    """A formula on lines of its own, with its number if it has a label."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(f'<div class="formula">{convert(node, block=True)}</div>')
    if node["number"]:
        number = get_node_equation_number(writer, node)
        writer.body.append(f'<span class="eqno">({number})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append("</div>\n")
    raise SkipNode


def setup(app):
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
