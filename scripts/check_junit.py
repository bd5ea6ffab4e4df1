#!/usr/bin/env python3
"""Reads JUnit XML from a file or "-" as a strict build server would: well-formed, only the known elements and
attributes, in their places, and counts that are those of the cases. Prints one line a case: suite, case, ending."""

import sys
import xml.etree.ElementTree as xml

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped"},
    "testcase": {"name", "classname"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped"},
    "failure": set(),
    "error": set(),
    "skipped": set(),
}


def walk(element):
    kind = element.tag
    if set(element.attrib) != ATTRIBUTES[kind]:
        sys.exit(f"<{kind}> has the attributes {sorted(element.attrib)}")
    for child in element:
        if child.tag not in CHILDREN[kind]:
            sys.exit(f"<{child.tag}> within <{kind}>")
        walk(child)
    if kind == "testcase" and len(element) > 1:
        sys.exit(f"the case {element.get('name')} has {len(element)} endings")


def counted(element, attribute, tag):
    found = len(list(element.iter(tag)))
    if int(element.get(attribute)) != found:
        sys.exit(f"{element.tag} says {attribute}={element.get(attribute)} and holds {found}")


def main():
    source = sys.stdin.buffer if sys.argv[1] == "-" else sys.argv[1]
    root = xml.parse(source).getroot()
    if root.tag != "testsuites":
        sys.exit(f"the root is <{root.tag}>")
    walk(root)
    for element in [root, *root]:
        for attribute, tag in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")]:
            counted(element, attribute, tag)
    for suite in root:
        counted(suite, "skipped", "skipped")
        names = [case.get("name") for case in suite]
        if len(names) != len(set(names)):
            sys.exit(f"a case of {suite.get('name')} comes twice")
        for case in suite:
            ending = case[0].tag if len(case) else "passed"
            print("\t".join(" ".join(field.split()) for field in (suite.get("name"), case.get("name"), ending)))


main()
