# Finds what packages of one repository require that neither it nor the others have, with dnf's reading of metadata. Question:
# JSON on stdin; answer: JSON on stdout. Fixed text of opb; data reaches it by the question only. Reads the metadata that opb
# has written, and nothing of the network or of the host's own packages and settings. Nothing is chosen, and modules hide
# nothing: any version that is there counts.
import json
import os
import sys

import dnf
import hawkey

question = json.load(sys.stdin)

# The most packages that are named in place of what is missing.
MOST_NAMED = 5
SIGNS = ["<", "<=", "=", ">=", ">"]


def fail(text):
    json.dump({"failed": text}, sys.stdout)
    sys.exit(0)


def read(text):
    """A requirement as a tree: a text, or a list of an operator and what it joins."""
    if not text.startswith("("):
        return text
    tree, end = read_joined(text, 0)
    if end != len(text):
        raise ValueError(text)
    return tree


def read_joined(text, at):
    operand, at = read_operand(text, at + 1)
    operators, operands = [], [operand]
    while True:
        while text[at:at + 1] == " ":
            at += 1
        if text[at:at + 1] == ")":
            break
        operator, at = read_word(text, at)
        operand, at = read_operand(text, at)
        operators.append(operator)
        operands.append(operand)
    if not operators:
        return operands[0], at + 1
    first = operators[0]
    chain = first in ["and", "or", "with"] and all(one == first for one in operators)
    single = first == "without" and len(operators) == 1
    condition = first in ["if", "unless"] and operators[1:] in [[], ["else"]]
    if not (chain or single or condition):
        raise ValueError(text)
    return [first] + operands, at + 1


def read_operand(text, at):
    while text[at:at + 1] == " ":
        at += 1
    if text[at:at + 1] == "(":
        return read_joined(text, at)
    name, at = read_word(text, at)
    sign, behind = read_word(text, at, optional=True)
    if sign in SIGNS:
        version, at = read_word(text, behind)
        return "%s %s %s" % (name, sign, version), at
    return name, at


def read_word(text, at, optional=False):
    while text[at:at + 1] == " ":
        at += 1
    start, depth = at, 0
    while at < len(text) and text[at] != " ":
        if text[at] == "(":
            depth += 1
        elif text[at] == ")":
            if depth == 0:
                break
            depth -= 1
        at += 1
    if start == at and not optional:
        raise ValueError(text)
    return text[start:at], at


conf = dnf.conf.Conf()
folder = question["folder"]
for name in ["root", "cache", "persist", "log"]:
    os.makedirs(folder + "/" + name, exist_ok=True)
conf.installroot = folder + "/root"
conf.cachedir = folder + "/cache"
conf.persistdir = folder + "/persist"
conf.logdir = folder + "/log"
conf.reposdir = []
conf.varsdir = []
conf.pluginpath = []
conf.plugins = False
conf.config_file_path = "/dev/null"
conf.module_platform_id = "platform:none"
conf.gpgcheck = False
conf.substitutions.clear()
conf.substitutions["arch"] = question["arch"]
conf.substitutions["basearch"] = question["arch"]
conf.substitutions["releasever"] = "0"

base = dnf.Base(conf)
try:
    for repository in question["repositories"]:
        repo = dnf.repo.Repo(repository["id"], conf)
        repo.baseurl = ["file://" + repository["folder"]]
        repo.module_hotfixes = True
        repo.gpgcheck = False
        repo.repo_gpgcheck = False
        repo.skip_if_unavailable = False
        repo.metadata_expire = -1 if repository["stays"] else 0
        base.repos.add(repo)
    base.fill_sack(load_system_repo=False, load_available_repos=True)
except dnf.exceptions.Error as error:
    fail(str(error))
sack = base.sack
everything = sack.query(flags=hawkey.IGNORE_EXCLUDES).apply()
ours = set(everything.filter(reponame=question["ours"]))
known = {}


def providers(text):
    """All packages that provide what is not joined."""
    if text not in known:
        try:
            known[text] = set(everything.filter(provides=[hawkey.Reldep(sack, text)]))
        except (hawkey.Exception, hawkey.ValueException):
            # No package of any repository has ever named it.
            known[text] = set()
    return known[text]


def members(tree):
    """The packages that each alone are what `tree` asks for."""
    if isinstance(tree, str):
        return providers(tree)
    parts = [members(part) for part in tree[1:]]
    if tree[0] == "with":
        return set.intersection(*parts)
    if tree[0] == "without":
        return parts[0] - parts[1]
    return set.union(*parts)


def is_met(tree, broken):
    """Whether it is met by what there is but for `broken`."""
    if isinstance(tree, str) or tree[0] in ["with", "without"]:
        return not members(tree) <= broken
    if tree[0] == "and":
        return all(is_met(part, broken) for part in tree[1:])
    if tree[0] == "or":
        return any(is_met(part, broken) for part in tree[1:])
    # Where a condition may hold, what is asked for then must be there, and what is asked for otherwise as well.
    then, condition, otherwise = tree[1], tree[2], tree[3] if len(tree) > 3 else None
    may_hold = is_met(condition, set())
    wanted = [then] if may_hold or tree[0] == "unless" else []
    if otherwise is not None and (may_hold or tree[0] == "if"):
        wanted.append(otherwise)
    return all(is_met(part, broken) for part in wanted)


def names(tree):
    if isinstance(tree, str):
        return [tree.split(" ")[0]]
    return [name for part in tree[1:] for name in names(part)]


def leaves(tree):
    return [tree] if isinstance(tree, str) else [leaf for part in tree[1:] for leaf in leaves(part)]


def there(name):
    """The packages that provide `name` in whichever version."""
    found = set()
    for package in providers(name):
        told = str(package)
        if package.name != name and not name.startswith("/"):
            provided = sorted(str(one) for one in package.provides if str(one).split(" ")[0] == name)
            told += " as " + ", ".join(provided)
        found.add(told)
    found = sorted(found)
    return found[:MOST_NAMED] + (["others"] if len(found) > MOST_NAMED else [])


try:
    trees, users, elsewhere = {}, {}, {}
    for package in ours:
        for requirement in package.requires:
            text = str(requirement)
            if text.startswith("solvable:") or text.startswith("rpmlib("):
                continue
            if text not in trees:
                trees[text] = read(text)
                elsewhere[text] = is_met(trees[text], ours)
            if not elsewhere[text]:
                users.setdefault(text, set()).add(package)
    # What cannot be installed, each with what it cannot be installed for: itself, or another of ours.
    root, followers, unmet, waiting = {}, {}, [], {}
    for text, of in users.items():
        if is_met(trees[text], set()):
            for leaf in leaves(trees[text]):
                for package in providers(leaf) & ours:
                    waiting.setdefault(package, set()).add(text)
            continue
        for package in of:
            root[package] = package
            unmet.append((package, text))
    broken, todo, over = set(root), sorted(root), set()
    while todo:
        package = todo.pop()
        for text in sorted(waiting.get(package, [])):
            if text in over or is_met(trees[text], broken):
                continue
            over.add(text)
            for user in sorted(users[text] - broken):
                root[user] = root[package]
                followers[root[package]] = followers.get(root[package], 0) + 1
                broken.add(user)
                todo.append(user)
    answer = []
    for package, text in unmet:
        named = sorted(set(names(trees[text])))
        answer.append({
            "package": package.returnIdSum()[1],
            "requirement": text,
            "there": [[name, there(name)] for name in named],
            "followers": followers.get(package, 0),
        })
    json.dump({"unmet": answer}, sys.stdout)
except ValueError as error:
    fail("cannot read the requirement `%s`" % error)
except dnf.exceptions.Error as error:
    fail(str(error))
