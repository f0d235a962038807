# Chooses the packages of a root with dnf's solver. Question: JSON on stdin; answer: JSON on stdout. Fixed text of opb; data
# reaches it by the question only. Reads the metadata that opb has written, and nothing of the network or of the host's
# own packages and settings.
import json
import os
import sys

import dnf
import dnf.module.module_base

question = json.load(sys.stdin)


def fail(kind, text):
    json.dump({"failed": kind, "text": text}, sys.stdout)
    sys.exit(0)


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
conf.module_platform_id = "platform:" + question["platform"]
conf.install_weak_deps = question["weak"]
# What was chosen is what is newest: an older one that would also do is an error, not a silent choice.
conf.best = True
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
        repo.cost = 1000 + repository["place"]
        repo.priority = repository["priority"]
        repo.module_hotfixes = repository["hotfixes"]
        repo.gpgcheck = False
        repo.repo_gpgcheck = False
        repo.skip_if_unavailable = False
        repo.metadata_expire = -1 if repository["stays"] else 0
        base.repos.add(repo)
    base.fill_sack(load_system_repo=False, load_available_repos=True)
    sack = base.sack
    streams = question["streams"]
    if streams:
        try:
            dnf.module.module_base.ModuleBase(base).enable(streams)
        except dnf.exceptions.MarkingErrors as error:
            fail("streams", str(error))
    goal = dnf.goal.Goal(sack)
    goal.add_protected(sack.query().filterm(empty=True))
    root = sack.query().filterm(name=question["root"], reponame=question["root_repository"])
    chosen = list(root)
    if len(chosen) != 1:
        fail("question", "%d packages stand for the question" % len(chosen))
    selector = dnf.selector.Selector(sack)
    selector.set(pkg=root)
    goal.install(select=selector, optional=False)
    if not goal.run(force_best=True, ignore_weak_deps=not question["weak"]):
        problems = []
        for number in range(goal.count_problems()):
            problems.extend(" | ".join(goal.problem_rules()[number]).split(" | "))
        fail("problem", "\n".join(problems))
    packages = []
    for package in goal.list_installs():
        if package.name == question["root"] and package.reponame == question["root_repository"]:
            continue
        kind, digest = package.returnIdSum()
        packages.append({
            "name": package.name,
            "epoch": package.epoch,
            "version": package.version,
            "release": package.release,
            "arch": package.arch,
            "digest": digest if kind == "sha256" else "",
            "size": package.downloadsize,
            "repository": package.reponame,
        })
    json.dump({"packages": packages}, sys.stdout)
except dnf.exceptions.Error as error:
    fail("dnf", str(error))
