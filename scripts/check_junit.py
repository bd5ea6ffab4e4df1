#!/usr/bin/env python3
"""Reads JUnit XML from a file or "-" as a strict build server would: well-formed, only the known elements and
attributes, in their places, and counts that match the cases. Prints one line per case: suite, case, ending."""

import sys
import xml.etree.ElementTree as xml

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped"},
    "testcase": {"name", "classname"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "system-out": set(),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped", "system-out"},
    "failure": set(),
    "error": set(),
    "skipped": set(),
    "system-out": set(),
}


ENDINGS = {"failure", "error", "skipped"}


def endings(case):
    return [child.tag for child in case if child.tag in ENDINGS]


def walk(element):
    kind = element.tag
    if set(element.attrib) != ATTRIBUTES[kind]:
        sys.exit(f"<{kind}> has the attributes {sorted(element.attrib)}")
    for child in element:
        if child.tag not in CHILDREN[kind]:
            sys.exit(f"<{child.tag}> within <{kind}>")
        walk(child)
    if kind == "testcase" and len(endings(element)) > 1:
        sys.exit(f"the case {element.get('name')} has {len(endings(element))} endings")
    if kind == "testcase" and len(element) > len(endings(element)) + 1:
        sys.exit(f"the case {element.get('name')} says more than one thing beside its ending")


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
            ending = (endings(case) or ["passed"])[0]
            print("\t".join(" ".join(field.split()) for field in (suite.get("name"), case.get("name"), ending)))


main()
