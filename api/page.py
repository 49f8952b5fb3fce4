"""The page that people read: each operation with what it takes, answers and refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from api.fields import Field, Schema, fields, kind
from api.openapi import PERMISSION
from api.problems import MEDIA_TYPE

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Tallystick API</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
code {{ background: #f2f2f2; padding: .1em .3em }}
details {{ border-bottom: 1px solid #ddd; padding: .4rem 0 }}
pre {{ white-space: pre-wrap; margin: .5rem 0 }}
table {{ border-collapse: collapse; font-size: .875rem }}
th, td {{ border: 1px solid #ddd; padding: .2rem .5rem; text-align: left; vertical-align: top }}
h3 {{ font-size: 1rem; margin: 1rem 0 .3rem }}
</style>
<h1>Tallystick API</h1>
<p>The whole description is at <a href="/openapi.json">/openapi.json</a>. Any operation may also
answer 500 <code>internal</code>: a fault of ours.</p>
{operations}
</html>
"""
_FIELDS = ("field", "type", "required", "what it is")


def page(description: dict[str, Any]) -> str:
    """The OpenAPI document as HTML that loads nothing and runs nothing."""
    schemas = description["components"]["schemas"]
    operations = "\n".join(
        _operation(f"{method.upper()} {path}", operation, schemas)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    )
    return _PAGE.format(operations=operations)


def _operation(address: str, operation: Schema, schemas: Schema) -> str:
    needs = operation[PERMISSION]
    going = " <em>Deprecated.</em>" if operation.get("deprecated") else ""
    parts = (
        f"<summary><code>{escape(address)}</code> {escape(operation['summary'])}{going}</summary>",
        f"<pre>{escape(operation['description'])}</pre>",
        f"<p>Needs <code>{escape(needs)}</code>.</p>" if needs else "",
        _parameters(operation["parameters"], schemas),
        _body(operation.get("requestBody"), schemas),
        *_answers(operation["responses"], schemas),
        _errors(operation["responses"]),
    )
    return f"<details>{''.join(parts)}</details>"


def _parameters(parameters: Iterable[Schema], schemas: Schema) -> str:
    rows = [
        (each["name"], each["in"], kind(each["schema"], schemas), _must(each), each["description"])
        for each in parameters
    ]
    return _table("Parameters", ("name", "in", "type", "required", "what it is"), rows)


def _must(parameter: Schema) -> str:
    return "yes" if parameter.get("required") else ""


def _body(body: Schema | None, schemas: Schema) -> str:
    if body is None:
        return ""
    [content] = body["content"].values()
    return _table("Body", _FIELDS, map(_row, fields(content["schema"], schemas)))


def _answers(responses: Schema, schemas: Schema) -> Iterator[str]:
    """What is said alike of several statuses is said once."""
    alike: dict[str, list[str]] = {}
    for status, response in responses.items():
        if not _is_problem(response):
            alike.setdefault(repr(response), []).append(status)
    for statuses in alike.values():
        response = responses[statuses[0]]
        title = f"Answer {', '.join(sorted(statuses))}: {response['description']}"
        rows = [_row(field) for each in _schemas(response) for field in fields(each, schemas)]
        yield _table(title, ("field", "type", "always there", "what it is"), rows, empty=True)


def _schemas(response: Schema) -> Iterator[Schema]:
    for content in response.get("content", {}).values():
        yield content["schema"]


def _errors(responses: Schema) -> str:
    problems = ((s, each["description"]) for s, each in responses.items() if _is_problem(each))
    return _table("Errors", ("status", "code"), sorted(problems))


def _is_problem(response: Schema) -> bool:
    return MEDIA_TYPE in response.get("content", {})


def _row(field: Field) -> tuple[str, ...]:
    return field.name, field.kind, "yes" if field.required else "", field.text


def _table(
    title: str, heads: Iterable[str], rows: Iterable[Iterable[str]], *, empty: bool = False
) -> str:
    """`empty`: the title says something even without any rows."""
    lines = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    if not (lines or empty):
        return ""
    table = f"<table><tr>{_cells('th', heads)}</tr>{lines}</table>" if lines else ""
    return f"<h3>{escape(title)}</h3>{table}"


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
