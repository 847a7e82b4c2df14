#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The series as patches and files, and the series as commits.

  series.py base DIR MSG  commit DIR's index as the base and tag it
  series.py tree          patches and files -> commits in build/linux
  series.py export        commits in build/linux -> patches and files
  series.py roundtrip     check that tree -> export -> tree changes nothing
  series.py knobs         print a commit: HEAD of build/linux + break-locks.patch
  series.py commits       print HEAD's commits over the base, oldest first
  series.py parts         print the parts, each followed by those that it needs
  series.py part NAME     print the last commit of a part in build/linux
  series.py mail [DIR]    build/series/PART/vN-*.patch for git send-email or b4

A patch file is a complete mail: git am $(cat series) on the base makes the same
commits.  The files that the series adds also stand in this repository, at their
paths and as the last patch leaves them, for whoever reads them: the patches are
what counts.  Of the kernel's MAINTAINERS it is our entry that stands here.

The series is divided in parts, each a run of patches.  Here a part is the
directory over the number, fs/PART/0001-slug.patch; in build/linux it is a branch
part/PART at its last commit.  A series that has no parts works as well.

The mails of a part are not cut out of the straight line: they are its patches
on the base and on those parts only that its cover letter says it needs, moved
there three-way.  Documentation/cover-letters/PART.txt has the lines Subject:,
Needs: (parts), To: and Cc: (all but the first optional), a blank line, and the
letter.  What was written as version N stays as the tag sent/PART/vN.
"""

import email.utils
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, 'build')
LINUX = os.path.join(BUILD, 'linux')
KNOBS = 'tools/testing/selftests/dax/break-locks.patch'
# Commits carry dates made from this, so that the same series has the same ids.
EPOCH = 1767225600
# Whose the patches here are; who sends them says who he is.
AUTHOR = ('dax-range-lock', 'dax-range-lock@localhost')
SUBJECT_MAX = 70
# Kernels are named after parts, and there are kernels of these names already.
NO_PARTS = ('base', 'knobs')
# A patch is filed by what its subject speaks of.
DIRS = {'lib': 'lib', 'mm': 'mm', 'include': 'include',
        'fs': 'fs', 'dax': 'fs', 'ext4': 'fs', 'xfs': 'fs', 'fuse': 'fs',
        'erofs': 'fs', 'iomap': 'fs', 'Documentation': 'Documentation',
        'docs': 'Documentation', 'MAINTAINERS': 'Documentation',
        'selftests': 'tools', 'tools': 'tools'}
TOPDIRS = ('Documentation', 'include', 'lib', 'fs', 'mm', 'tools')


def die(msg):
    sys.exit('series.py: ' + msg)


def say(msg):
    print('== ' + msg, flush=True)


def run(*cmd, data=None, env=None, check=True, cwd=None):
    if isinstance(data, str):
        data = data.encode()
    r = subprocess.run(cmd, input=data, env=dict(os.environ, **(env or {})),
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       cwd=cwd, check=False)
    if check and r.returncode:
        die('%s: %s' % (' '.join(cmd[:6]), r.stderr.decode().strip()))
    return r


def git(*args, data=None, env=None, dir=None):
    return run('git', '-C', dir or LINUX, *args, data=data,
               env=env).stdout.decode()


def git_ok(*args):
    return run('git', '-C', LINUX, *args, check=False).returncode == 0


def read(path):
    with open(os.path.join(TOP, path), 'rb') as f:
        return f.read()


def write(path, data, mode=0o644):
    """Whole or not at all; and untouched when there is nothing to change."""
    full = os.path.join(TOP, path)
    if os.path.exists(full) and read(path) == data and \
            (os.stat(full).st_mode & 0o100) == (mode & 0o100):
        return
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full + '.tmp', 'wb') as f:
        f.write(data)
    os.chmod(full + '.tmp', mode)
    os.rename(full + '.tmp', full)


def unlink(path):
    """And the directory, if nothing is left in it."""
    full = os.path.join(TOP, path)
    os.unlink(full)
    if not os.listdir(os.path.dirname(full)):
        os.rmdir(os.path.dirname(full))


def sha(data):
    return hashlib.sha256(data).hexdigest()


# The two forms of a patch

class Patch:
    """One patch of the series, as it stands in this repository."""

    def __init__(self, path):
        self.path = path
        with tempfile.TemporaryDirectory(prefix='series-') as tmp:
            msg, diff = os.path.join(tmp, 'msg'), os.path.join(tmp, 'diff')
            r = run('git', 'mailinfo', msg, diff, data=read(path), check=False)
            info = dict(re.findall(r'^(\w+): (.*)$', r.stdout.decode(), re.M))
            if r.returncode or not info.get('Subject') or not info.get('Email'):
                die('%s is no mail: it wants the lines From:, Date: and Subject:, '
                    "the message, a line '---' and a diff, as git format-patch "
                    'writes them' % path)
            with open(msg, encoding='utf-8') as f:
                body = f.read().strip('\n')
            with open(diff, encoding='utf-8') as f:
                self.diff = f.read()
        self.message = (info['Subject'] + '\n\n' + body).rstrip() + '\n'
        self.author = (info['Author'], info['Email'])
        if not re.search(r'^diff --git ', self.diff, re.M):
            die('%s has no diff' % path)

    def key(self):
        return sha(self.path.encode() + b'\n' + read(self.path))

    def results(self):
        """{path: blob} of what the patch says that it makes; None: is gone."""
        out = {}
        for part in re.split(r'^(?=diff --git )', self.diff, flags=re.M)[1:]:
            path = re.match(r'diff --git a/.* b/(.*)', part).group(1)
            ids = re.search(r'^index ([0-9a-f]{40})\.\.([0-9a-f]{40})', part, re.M)
            if ids:
                out[path] = None if not ids.group(2).strip('0') else ids.group(2)
        return out


def series_paths():
    if not os.path.exists(os.path.join(TOP, 'series')):
        return []
    paths = [line.split('#')[0].strip()
             for line in read('series').decode().splitlines()]
    return [p for p in paths if p]


def load_series():
    paths = series_paths()
    parts_of(paths)
    for path in paths:
        if not os.path.isfile(os.path.join(TOP, path)):
            die('series names %s, which is not here' % path)
    return [Patch(path) for path in paths]


# Parts

def check_name(name):
    if not re.fullmatch(r'[a-z0-9][a-z0-9-]*', name) or name in NO_PARTS:
        die("'%s' is no name for a part: it wants small letters, digits and "
            "'-', and not to be one of %s" % (name, ', '.join(NO_PARTS)))


def parts_of(paths):
    """[(part, number of its patches)]; empty if the series has no parts."""
    out, last = [], {}
    for path in paths:
        where = path.split('/')
        if len(where) > 3:
            die('series: %s lies too deep: a patch is <directory>/<part>/0001-slug.patch'
                % path)
        part = where[1] if len(where) == 3 else None
        if part:
            check_name(part)
        if out and out[-1][0] == part:
            out[-1][1] += 1
        elif part in last:
            die('series: part %s stops after %s and goes on at %s: a part is one '
                'run of lines, so move these together, or one of them to another part'
                % (part, last[part], path))
        else:
            out.append([part, 1])
        last[part] = path
        if None in last and len(last) > 1:
            other = next(p for name, p in last.items() if (name is None) != (part is None))
            die('series: %s is in a part and %s in none: move every patch to '
                '<directory>/<part>/, or none'
                % ((path, other) if part else (other, path)))
    return [] if None in last else [tuple(x) for x in out]


def ends(paths, ids):
    """{part: its last commit}, by the paths of the patches."""
    out, n = {}, 0
    for part, size in parts_of(paths):
        n += size
        out[part] = ids[n - 1]
    return out


def branches():
    out = git('for-each-ref', '--format=%(refname:lstrip=3) %(objectname)',
              'refs/heads/part/')
    return dict(line.rsplit(' ', 1) for line in out.splitlines())


def set_branches(want):
    """Only after all have been found where we have put them."""
    for name in branches():
        if name not in want:
            git('branch', '-q', '-D', 'part/' + name)
    for name, commit in want.items():
        git('update-ref', 'refs/heads/part/' + name, commit)


def astray(name, tip, commits):
    """What is wrong with a branch that does not end at one of @commits."""
    if tip == base_commit():
        return 'part/%s has no patches: git branch -D part/%s' % (name, name)
    if git_ok('merge-base', '--is-ancestor', 'HEAD', tip):
        return 'part/%s ends above HEAD: git checkout series' % name
    what = subject(tip)
    twin = [c for c in commits if subject(c) == what]
    return ("part/%s is at %s '%s', which is not between base and HEAD (was this "
            'rebased without updateRefs?): git branch -f part/%s %s'
            % (name, tip[:12], what, name, twin[0][:12] if len(twin) == 1 else '<commit>'))


def divide(commits, known=()):
    """{part: its last commit}, in order, by the branches.  New commits at the top
    go to the last part if the parts are those @known; else somebody is at work on
    them, and says where they end."""
    if any(os.path.isdir(os.path.join(LINUX, '.git', d))
           for d in ('rebase-merge', 'rebase-apply')):
        die('build/linux is in the middle of a rebase or am: --continue it first')
    on = run('git', '-C', LINUX, 'symbolic-ref', '-q', '--short', 'HEAD',
             check=False).stdout.decode().strip()
    if on.startswith('part/'):
        die('HEAD of build/linux is on %s: git checkout series, and there git '
            'rebase %s if that has got new commits' % (on, on))
    tips, at = branches(), {c: n for n, c in enumerate(commits)}
    for name in tips:
        check_name(name)
    bad = [astray(name, tip, commits) for name, tip in tips.items() if tip not in at]
    order = sorted((at[tip], name) for name, tip in tips.items() if tip in at)
    for (n, one), (m, two) in zip(order, order[1:]):
        if n == m:
            bad.append("part/%s and part/%s both end at '%s': git branch -f one of "
                       'them <commit>, or git branch -D it'
                       % (one, two, subject(commits[n])))
    more = commits[order[-1][0] + 1:] if order else []
    if more and not bad and sorted(known) != sorted(tips):
        last = order[-1][1]
        bad = ['behind part/%s, the last part, there are' % last,
               *('  %s %s' % (c[:12], subject(c)) for c in more),
               'git branch -f part/%s HEAD, or git branch part/<another> HEAD' % last]
    if bad:
        die('the branches of the parts, in build/linux:\n  ' + '\n  '.join(bad))
    out = {name: commits[n] for n, name in order}
    if more:
        out[order[-1][1]] = commits[-1]
    return out


def slices(commits, parts):
    """[(part, its commits)]"""
    out, start = [], 0
    for name, tip in parts.items():
        end = commits.index(tip) + 1
        out.append((name, commits[start:end]))
        start = end
    return out


# MAINTAINERS: a preamble, then entries, each a title and 'X:\t...' lines

def split_maintainers(text):
    """The preamble and the entries, each with the blank line behind it."""
    m = re.search(r'^[^\n]+\n(?=[A-Z]:\t)', text, re.M)
    start = m.start() if m else len(text)
    return text[:start], re.findall(r'(?:[^\n]+\n)+\n*', text[start:])


def title(entry):
    return entry.split('\n', 1)[0]


def merge_maintainers(text, entry):
    """The entry where the alphabet has it; the file is not quite in order."""
    pre, entries = split_maintainers(text)
    titles = [title(e).upper() for e in entries]
    mine = title(entry).upper()
    at = next((i for i in range(1, len(titles))
               if titles[i - 1] < mine < titles[i] and
               mine[0] in (titles[i - 1][0], titles[i][0])), None)
    if at is None:
        at = next((i for i, t in enumerate(titles) if t > mine), len(titles))
    entries.insert(at, entry.strip('\n') + '\n\n')
    return pre + ''.join(entries)


def added_entry(before, after, subject):
    """The one entry that a commit adds."""
    old = set(e.strip() for e in split_maintainers(before)[1])
    new = [e.strip() + '\n' for e in split_maintainers(after)[1]
           if e.strip() not in old]
    if len(new) != 1:
        die("'%s' adds %d entries to MAINTAINERS; it may add one, and change none"
            % (subject, len(new)))
    if merge_maintainers(before, new[0]) != after:
        die("'%s': in MAINTAINERS the entry belongs between its neighbours in "
            'the alphabet, and nothing else may change there' % subject)
    return new[0]


def strip_mail(entry):
    """Who maintains it is for the sender to say."""
    return ''.join(l for l in entry.splitlines(True) if not l.startswith('M:'))


# Commits

def identity():
    """git's own, or nothing."""
    name, address = (run('git', '-C', TOP, 'config', key, check=False).stdout
                     .decode().strip() for key in ('user.name', 'user.email'))
    return '%s <%s>' % (name, address) if name and address else ''


def commit_env(n, who=AUTHOR):
    name, address = who
    date = '%d +0000' % (EPOCH + n)
    return {'GIT_AUTHOR_NAME': name, 'GIT_AUTHOR_EMAIL': address,
            'GIT_COMMITTER_NAME': name, 'GIT_COMMITTER_EMAIL': address,
            'GIT_AUTHOR_DATE': date, 'GIT_COMMITTER_DATE': date}


def base_commit():
    if git_ok('rev-parse', '-q', '--verify', 'refs/tags/base'):
        return git('rev-parse', 'base^{commit}').strip()
    roots = git('rev-list', '--max-parents=0', 'HEAD').split()
    if len(roots) != 1:
        die("build/linux has no tag 'base': tag the commit that the series starts from")
    git('tag', 'base', roots[0])
    return roots[0]


def head():
    return git('rev-parse', 'HEAD').strip()


def subject(commit):
    return git('show', '-s', '--format=%s', commit).strip()


def blob(commit, path):
    return run('git', '-C', LINUX, 'cat-file', 'blob',
               '%s:%s' % (commit, path)).stdout


def series_commits():
    return git('rev-list', '--reverse', 'base..HEAD').split()


def dirty():
    return git('status', '--porcelain', '-uno').strip()


class Index:
    """An index of its own: the user's, and the work tree, stay as they are."""

    def __init__(self, commit):
        self.dir = tempfile.mkdtemp(prefix='series-')
        self.env = {'GIT_INDEX_FILE': os.path.join(self.dir, 'index')}
        self.load(commit)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def load(self, commit):
        git('read-tree', commit, env=self.env)

    def add(self, path, mode, data):
        oid = git('hash-object', '-w', '--stdin', data=data).strip()
        git('update-index', '--add', '--cacheinfo',
            '%s,%s,%s' % (mode, oid, path), env=self.env)

    def has(self, path):
        return bool(git('ls-files', '--', path, env=self.env).strip())

    def apply(self, name, diff):
        r = run('git', '-C', LINUX, '-c', 'apply.ignoreWhitespace=no', 'apply',
                '--cached', '--whitespace=nowarn', '-', data=diff,
                env=self.env, check=False)
        if r.returncode:
            die(explain(name, diff, r.stderr.decode()))

    def commit(self, message, parent, env):
        tree = git('write-tree', env=self.env).strip()
        return git('commit-tree', tree, *(['-p', parent] if parent else []),
                   data=message, env=env).strip()


def explain(name, diff, err):
    """git says file and line; the hunk is what one looks for in the patch."""
    m = re.search(r'patch failed: (\S+):(\d+)', err)
    if not m:
        return '%s does not apply: %s' % (name, err.strip().splitlines()[0])
    path, line, n, inside = m.group(1), int(m.group(2)), 0, False
    for text in diff.splitlines():
        if text.startswith('diff --git '):
            inside, n = text.endswith(' b/' + path), 0
        elif inside and text.startswith('@@ '):
            n += 1
            if int(re.match(r'@@ -(\d+)', text).group(1)) == line:
                return ('%s: hunk %d of %s does not apply (%s): rebase the '
                        'series onto this base' % (name, n, path, text))
    return '%s: the hunk at line %d of %s does not apply' % (name, line, path)


def make_commit(index, patch, parent, n):
    index.apply(patch.path, patch.diff)
    want = patch.results()
    got = {}
    for line in git('ls-files', '-s', '-z', '--', *want, env=index.env).split('\0'):
        if line:
            meta, path = line.split('\t', 1)
            got[path] = meta.split()[1]
    # Context may fit in more than one place.
    for path, blob_id in want.items():
        if got.get(path) != blob_id:
            die('%s makes another %s than it says: it was made for another version '
                'of the file, or edited by hand; git am -3 in build/linux, and make '
                'export' % (patch.path, path))
    return index.commit(patch.message, parent, commit_env(n, patch.author))


# What build/linux was made from: [[key of the patch, commit], ...], its HEAD,
# the checksums of the patches and files that stood here then, and the branches
# of the parts.

def state_path():
    return os.path.join(LINUX, '.git', 'series-state')


def load_state():
    try:
        with open(state_path()) as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def save_state(state):
    with open(state_path() + '.tmp', 'w') as f:
        json.dump(state, f)
    os.rename(state_path() + '.tmp', state_path())


def new_files(commit):
    """{path: (mode, content)} of what the series adds, as it is in @commit."""
    base, out = base_commit(), {}
    for status, path in changes(base, commit):
        if path == 'MAINTAINERS':
            entry = added_entry(blob(base, path).decode(),
                                blob(commit, path).decode(), subject(commit))
            out[path] = ('100644', strip_mail(entry).encode())
        elif status == 'A':
            mode = git('ls-tree', commit, '--', path).split()[0]
            if mode not in ('100644', '100755'):
                die('%s is no plain file' % path)
            out[path] = (mode, blob(commit, path))
    return out


def here(path):
    full = os.path.join(TOP, path)
    return read(path) if os.path.isfile(full) else None


def sums(paths):
    return {p: sha(here(p)) for p in paths if here(p) is not None}


def new_state(keys, ids, order, new, **more):
    return dict({'done': [list(x) for x in zip(keys, ids)],
                 'head': ids[-1] if ids else base_commit(), 'moving': None,
                 'patches': sums(order), 'files': sums(new),
                 'parts': ends(order, ids)}, **more)


def undo(state):
    """The commands that throw away what was not exported."""
    want = (state or {}).get('parts', {})
    out = ['git checkout -f -B series %s' % (state['head'][:12] if state else 'base')]
    out += ['git branch -f part/%s %s' % (name, commit[:12])
            for name, commit in want.items() if branches().get(name) != commit]
    return out + ['git branch -D part/' + name for name in branches() if name not in want]


def cmd_base(directory, message):
    tree = git('write-tree', dir=directory).strip()
    commit = git('commit-tree', tree, data=message + '\n', dir=directory,
                 env=commit_env(0, ('unnamed', 'unnamed@localhost'))).strip()
    git('update-ref', 'refs/heads/series', commit, dir=directory)
    git('tag', 'base', commit, dir=directory)


def cmd_tree():
    base, patches, state = base_commit(), load_series(), load_state()
    if state and state.get('moving'):
        # Interrupted while the work tree was on its way to a commit.
        lock = os.path.join(LINUX, '.git', 'index.lock')
        if os.path.exists(lock):
            os.unlink(lock)
        git('checkout', '-q', '-f', '-B', 'series', state['moving'])
        set_branches(state.get('parts', {}))
        state['moving'] = None
        save_state(state)

    keys = [p.key() for p in patches]
    done = state['done'] if state else []
    if not state and head() != base:
        die('build/linux has commits that this repository does not know: '
            "write them back with 'make export'")
    work = []
    if state and state['head'] != head():
        n = git('rev-list', '--count', 'base..HEAD').strip()
        work.append('HEAD (%s commits over the base) is not what was exported' % n)
    if dirty():
        work.append('uncommitted changes')
    if branches() != (state or {}).get('parts', {}):
        work.append('the branches part/* are not where they were')
    if state and [k for k, _ in done] == keys:
        if work:
            say('build/linux is ahead of the patches: %s; left as it is'
                % ', '.join(work))
        else:
            say('build/linux is up to date: base and %d patches' % len(patches))
        return
    if work:
        die("build/linux has work that 'make export' has not written back (%s), "
            'and the patches here have changed as well: commit and export it, '
            'or throw it away, in build/linux:\n  %s'
            % (', '.join(work), '\n  '.join(undo(state))))

    same = 0
    while same < min(len(done), len(keys)) and done[same][0] == keys[same]:
        same += 1
    done = done[:same]
    parent = done[-1][1] if done else base
    with Index(parent) as index:
        for n in range(same, len(patches)):
            say('patch %d/%d %s' % (n + 1, len(patches), patches[n].path))
            parent = make_commit(index, patches[n], parent, n + 1)
            done.append([keys[n], parent])
    # Tracked files are clean; a file that git does not know may be in the way.
    r = run('git', '-C', LINUX, 'read-tree', '-n', '-m', '-u', 'HEAD', parent,
            check=False)
    if r.returncode:
        die('build/linux: ' + r.stderr.decode().strip())
    new = new_files(parent)
    for path, (mode, data) in new.items():
        if here(path) is None:
            write(path, data, 0o755 if mode == '100755' else 0o644)
        elif here(path) != data:
            die('%s is not what the patches make: edit it in build/linux and make '
                'export, or throw the edit away with git checkout' % path)
    state = new_state(keys, [c for _, c in done], [p.path for p in patches], new,
                      moving=parent)
    save_state(state)
    git('checkout', '-q', '-f', '-B', 'series', parent)
    set_branches(state['parts'])
    save_state(dict(state, moving=None))
    say('build/linux: base and %d patches' % len(patches))


# Export

def changes(before, after):
    """[(status, path)] between two commits."""
    out = git('diff-tree', '-r', '--no-renames', '--name-status', '-z',
              '--no-commit-id', before, after).split('\0')
    return list(zip(out[0::2], out[1::2]))


def directory(subj, paths):
    word = re.match(r'[\w-]*', subj).group(0)
    if word in DIRS:
        return DIRS[word]
    for path in paths:
        if path.split('/')[0] in TOPDIRS:
            return path.split('/')[0]
    die("'%s': no idea where to file it; start the subject with one of %s"
        % (subj, ', '.join(sorted(DIRS))))


def clean_message(commit):
    msg = git('show', '-s', '--format=%B', commit)
    msg = re.sub(r'^Signed-off-by:.*\n?', '', msg, flags=re.M).rstrip()
    if re.search(r'^(---|diff --git .*)$', msg, re.M):
        die("'%s': the message has a line that would end it ('---' or 'diff --git')"
            % subject(commit))
    subj, _, body = msg.partition('\n\n')
    subj = ' '.join(subj.split())
    return subj, (subj + '\n\n' + body.strip('\n')).rstrip() + '\n'


def mail(n, commit, message):
    """The commit as git format-patch writes it, but for what is not of the patch."""
    subj, _, body = message.partition('\n\n')
    flags = ('--no-renames', '--no-color', '--no-ext-diff', '--no-commit-id', '-r')
    stat = git('diff-tree', '--stat=72', '--summary', *flags, commit + '^', commit)
    diff = run('git', '-C', LINUX, '-c', 'core.quotePath=true', 'diff-tree', '-p',
               '-U3', '--full-index', '--binary', '--diff-algorithm=histogram',
               '--src-prefix=a/', '--dst-prefix=b/', *flags,
               commit + '^', commit).stdout
    return ('From %s Mon Sep 17 00:00:00 2001\nFrom: %s <%s>\nDate: %s\n'
            'Subject: [PATCH] %s\n\n%s---\n%s\n'
            % ('0' * 40, *AUTHOR, email.utils.formatdate(EPOCH + n), subj,
               body, stat)).encode() + diff + b'-- \n\n'


def collect(known=()):
    """The commits of build/linux as ({path: patch}, order, new files, parts)."""
    base = base_commit()
    if git('rev-list', '--merges', 'base..HEAD').strip():
        die('build/linux has a merge: the series is a straight line')
    if not git_ok('merge-base', '--is-ancestor', base, 'HEAD'):
        die("build/linux: HEAD does not descend from the tag 'base'")
    texts, order, commits = {}, [], series_commits()
    parts = divide(commits, known)
    inside = {c: name + '/' for name, cs in slices(commits, parts) for c in cs}
    for n, c in enumerate(commits, 1):
        subj, message = clean_message(c)
        paths = [p for _, p in changes(c + '^', c)]
        if not paths:
            die("'%s' changes nothing" % subj)
        if len(subj) > SUBJECT_MAX:
            die("'%s': a subject has %d characters at most" % (subj, SUBJECT_MAX))
        slug = git('show', '-s', '--format=%f', c).strip()[:60].rstrip('-.')
        name = '%s/%s%04d-%s.patch' % (directory(subj, paths), inside.get(c, ''), n, slug)
        order.append(name)
        texts[name] = mail(n, c, message)
    return texts, order, new_files('HEAD'), parts


def in_the_way(texts, new, state):
    """What export would overwrite or delete, and is somebody's work."""
    edited = [p for p, data in [*texts.items(),
                                *((p, d) for p, (_, d) in new.items())]
              if here(p) not in (None, data) and
              sha(here(p)) not in (state['patches'].get(p), state['files'].get(p))]
    gone = [os.path.relpath(f, TOP) for depth in ('*', '*/*') for f in
            glob.glob(os.path.join(TOP, depth, '*.patch'))]
    gone = [p for p in gone if p not in texts and not p.startswith('build/')]
    unknown = [p for p in gone if sha(here(p)) != state['patches'].get(p)]
    return edited, gone, unknown


def cmd_export():
    if not os.path.isdir(os.path.join(LINUX, '.git')):
        die("there is no build/linux: run 'make tree' first")
    if dirty():
        die('build/linux has uncommitted changes: commit them, or git stash, first')
    for line in git('status', '--porcelain').splitlines():
        say('build/linux/%s is not in git and stays out' % line[3:])
    state = {'files': {}, 'patches': {}, 'parts': {}}
    state.update(load_state() or {})
    texts, order, new, parts = collect(state['parts'])

    force = os.environ.get('FORCE')
    edited, gone, unknown = in_the_way(texts, new, state)
    if edited and not force:
        die('edited here, not in build/linux: carry the edit over to build/linux '
            '(a patch: git am), or overwrite it with make export FORCE=1:\n  '
            + '\n  '.join(edited))
    if unknown and not force:
        die('not from build/linux: git am it there, move it away, or leave it out '
            'with make export FORCE=1, which lets it stand:\n  '
            + '\n  '.join(unknown))

    for name, commit in parts.items():
        if branches()[name] != commit:
            say('part/%s moved forward to HEAD' % name)
    set_branches(parts)
    for path in gone:
        if path not in unknown:
            unlink(path)
    for path, data in state['files'].items():
        if path not in new and here(path) is not None and sha(here(path)) == data:
            say('%s is no longer in the series: removed' % path)
            unlink(path)
    for path, (mode, data) in new.items():
        write(path, data, 0o755 if mode == '100755' else 0o644)
    for path, data in texts.items():
        write(path, data)
    write('series', ''.join(p + '\n' for p in order).encode())

    save_state(new_state([p.key() for p in load_series()], series_commits(), order, new))
    say('exported %d patches%s and %d new files'
        % (len(order), ' in %d parts' % len(parts) if parts else '', len(new)))


def cmd_roundtrip():
    """From what stands here: commits, then back; and the same commits again."""
    patches = load_series()
    texts, order, new, parts = collect(branches())
    if [p.path for p in patches] != order:
        die("'series' differs from the commits in build/linux: run 'make export'")
    for path, data in texts.items():
        if read(path) != data:
            die("%s differs from its commit: run 'make export'" % path)
    for path, (mode, data) in new.items():
        if read(path) != data:
            die("%s differs from build/linux: run 'make export'" % path)
        full = os.path.join(TOP, path)
        if os.access(full, os.X_OK) != (mode == '100755'):
            die('%s has the wrong mode' % path)
    parent, ids = base_commit(), series_commits()
    for name, commit in ends(order, ids).items():
        if branches()[name] != commit:
            die("part/%s is at %s, its last patch is %s: run 'make export'"
                % (name, branches()[name][:12], commit[:12]))
    with Index(parent) as index:
        for n, (patch, want) in enumerate(zip(patches, ids), 1):
            parent = make_commit(index, patch, parent, n)
            diff = git('diff-tree', '-r', '--name-only', parent, want).split()
            if diff:
                die('%s makes another tree than its commit: %s'
                    % (patch.path, ' '.join(diff)))
    print('%d patches, %d parts, %d new files: tree, export and tree again agree'
          % (len(order), len(parts), len(new)))


def cmd_knobs():
    if not os.path.exists(os.path.join(TOP, KNOBS)):
        die('KNOBS=1 wants %s, which is not here' % KNOBS)
    text = read(KNOBS).decode()
    at = re.search(r'^diff --git ', text, re.M)
    if not at:
        die('%s holds no diff' % KNOBS)
    with Index('HEAD') as index:
        index.apply(KNOBS, text[at.start():])
        print(index.commit('Switch locks off on demand, for tests\n', head(),
                           commit_env(9999)))


def cmd_commits():
    print(*series_commits(), sep='\n')


def cmd_part(name):
    parts = divide(series_commits(), branches())
    if name not in parts:
        die("build/linux has no branch part/%s: git branch part/%s <its last commit>"
            % (name, name))
    print(parts[name])


# Mail

class Letter:
    """The cover letter of a part; of the whole series if that has no parts."""

    def __init__(self, part, before):
        self.path = ('Documentation/cover-letters/%s.txt' % part if part
                     else 'Documentation/cover-letter.txt')
        self.subject = self.text = None
        self.needs, self.to, self.cc = [], [], []
        if here(self.path) is None:
            return
        head, _, text = here(self.path).decode().partition('\n\n')
        self.text = text.strip('\n')
        for line in head.splitlines():
            key, _, value = (x.strip() for x in line.partition(':'))
            if key == 'Subject':
                self.subject = value
            elif key == 'Needs':
                self.needs += value.split()
            elif key in ('To', 'Cc'):
                getattr(self, key.lower()).append(value)
            else:
                die("%s: '%s' is none of the lines Subject:, Needs:, To: and Cc: "
                    'that stand before the first blank line' % (self.path, line))
        if not self.subject:
            die('%s has no line Subject:' % self.path)
        for name in self.needs:
            if name not in before:
                die('%s needs %s, which is no part before this one; those are: %s'
                    % (self.path, name, ' '.join(before) or 'none'))


def load_letters(names):
    return {name: Letter(name, names[:n]) for n, name in enumerate(names)}


def needed(part, letters, *more):
    """The parts that go before @part, in order, as if its letter named @more."""
    found, left = set(), [*letters[part].needs, *more]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += letters[name].needs
    return [name for name in letters if name in found]


def cmd_parts():
    names = list(divide(series_commits(), branches()))
    letters = load_letters(names)
    for name in names:
        print(name, *needed(name, letters))


def pick(tree, commit):
    """@commit on top of @tree, three-way: (tree, files that conflict)."""
    ours = git('commit-tree', tree, '-p', commit + '^', data='ours\n',
               env=commit_env(0)).strip()
    r = run('git', '-C', LINUX, '-c', 'merge.renames=false', 'merge-tree',
            '--write-tree', '--name-only', '--no-messages', ours, commit, check=False)
    if r.returncode not in (0, 1):
        die('git merge-tree (of git 2.38, or newer): ' + r.stderr.decode().strip())
    tree, *files = r.stdout.decode().split()
    return tree, sorted(set(files)) if r.returncode else []


def stack(names, cut):
    """The parts @names on the base: [(commit, tree)], and what does not go
    there: (part, commit, files) or None."""
    out, tree = [], git('rev-parse', 'base^{tree}').strip()
    for name in names:
        for commit in cut[name]:
            tree, files = pick(tree, commit)
            if files:
                return out, (name, commit, files)
            out.append((commit, tree))
    return out, None


def does_not_go(part, letters, cut, trouble):
    """Which part is missing: one that makes it go, or whose files these are."""
    at, commit, files = trouble
    names = list(letters)
    rest = [n for n in names[:names.index(at)] if n not in needed(part, letters)]
    more = [n for n in rest
            if not stack([*needed(part, letters, n), part], cut)[1]][:1]
    sure = 'it goes on with'
    if not more:
        sure = 'these files are changed by'
        more = [n for n in rest if any(set(files) & {p for _, p in changes(c + '^', c)}
                                       for c in cut[n])]
    die("part %s: '%s' does not go on the base and the parts %s (conflicts in %s): "
        'list in %s, under Needs:, what is missing; %s %s'
        % (part, subject(commit), ' '.join(needed(part, letters)) or '(none)',
           ' '.join(files), letters[part].path, sure, ' '.join(more) or 'no part'))


def sender():
    m = re.match(r'\s*(.*\S)\s*<(\S+@\S+)>\s*$', os.environ.get('AUTHOR') or identity())
    if not m:
        die("who sends it? make series AUTHOR='Name <mail>'")
    return m.groups()


def maintained(tree, who, index):
    """@tree, with the sender as the maintainer of our entry if that is in it."""
    base, text = (blob(t, 'MAINTAINERS').decode() for t in (base_commit(), tree))
    if text == base:
        return tree
    bare = strip_mail(added_entry(base, text, 'the series'))
    first, rest = bare.split('\n', 1)
    index.load(tree)
    index.add('MAINTAINERS', '100644', merge_maintainers(
        base, '%s\nM:\t%s <%s>\n%s' % (first, *who, rest)).encode())
    return git('write-tree', env=index.env).strip()


def sign(steps, who):
    """Commits by the sender, from what stack() has made."""
    parent, out = base_commit(), []
    now = int(time.time()) - EPOCH - 1000
    with Index(parent) as index:
        for n, (commit, tree) in enumerate(steps):
            message = git('interpret-trailers', '--trailer',
                          'Signed-off-by: %s <%s>' % who,
                          data=clean_message(commit)[1])
            parent = git('commit-tree', maintained(tree, who, index), '-p', parent,
                         data=message, env=commit_env(now + n, who)).strip()
            out.append(parent)
    return out


def real_base():
    """Is the base a commit that others have, too?  That of a tarball is not."""
    return git_ok('rev-parse', '-q', '--verify', 'base^{commit}^') or \
        bool(git('tag', '--points-at', 'base^{commit}', 'v*').strip())


def base_version():
    make = dict(re.findall(r'^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$',
                           blob('base', 'Makefile').decode(), re.M))
    return '.'.join(make[k] for k in ('VERSION', 'PATCHLEVEL', 'SUBLEVEL'))


# What was sent: a tag at the last commit, which says what the first one is on

def sent_tag(part, version):
    return 'sent/%s/v%d' % (part or 'series', version)


def sent_range(part, version):
    """(before the first commit, the last), or None"""
    tag = 'refs/tags/' + sent_tag(part, version)
    if not git_ok('rev-parse', '-q', '--verify', tag):
        return None
    # One that was set by hand says nothing.
    on = re.search(r'^on (\w{40})$', git('cat-file', '-p', tag), re.M)
    return on.group(1) if on else base_commit(), git('rev-parse', tag + '^{commit}').strip()


def before_that(part, version):
    """What the range-diff of this version is against."""
    if version == 1:
        return None
    old = sent_range(part, version - 1)
    if not old:
        tag = sent_tag(part, version - 1)
        die('V=%d tells what has changed since v%d, but build/linux has no tag %s, '
            'which make series V=%d leaves there: git am the mails of v%d on the '
            'base and git tag %s the last commit, or give another V='
            % (version, version - 1, tag, version - 1, version - 1, tag))
    return '%s..%s' % old


def remember(part, version, on, tip, who):
    tag, old = sent_tag(part, version), sent_range(part, version)
    was, now = (git('log', '--format=%T %an %ae %B', '%s..%s' % r) if r else ''
                for r in (old, (on, tip)))
    if old and was != now:
        say('%s was written before and is replaced; it was %s' % (tag, old[1]))
    git('tag', '-f', '-a', '-m', 'on ' + on, tag, tip, env=commit_env(0, who))


# Recipients

def addresses(lines, known=()):
    out, seen = [], {a.lower() for _, a in known}
    for name, address in email.utils.getaddresses(lines):
        if '@' in address and address.lower() not in seen:
            seen.add(address.lower())
            out.append((name, address))
    return out


def get_maintainer(part, mails):
    """(people, lists)"""
    r = run('env', 'scripts/get_maintainer.pl', '--no-rolestats', '--no-git-fallback',
            '--no-git', *mails, cwd=LINUX, check=False)
    if r.returncode:
        say('%s: get_maintainer.pl fails, so the mails go to whom the letter names: %s'
            % (part or 'series', (r.stderr.decode().strip() or '?').splitlines()[0]))
        return [], []
    lines = r.stdout.decode().splitlines()
    # Lists have no name.
    return [x for x in lines if '<' in x], [x for x in lines if '<' not in x]


def format_patch(out, who, version, on, tip, *flags):
    git('-c', 'format.signature=', '-c', 'user.name=' + who[0],
        '-c', 'user.email=' + who[1], 'format-patch', '-q', '-n', '-v%d' % version,
        '--thread=shallow', '-o', out, *flags, '%s..%s' % (on, tip))
    return sorted(glob.glob(os.path.join(out, '*.patch')))


def fill_cover(path, part, letters):
    letter = letters[part]
    if letter.text is None:
        say('%s is not here: fill in the cover letter by hand' % letter.path)
        return
    before = needed(part, letters)
    text = letter.text
    if before:
        text += '\n\n' + textwrap.fill('Needs: the parts %s, sent before.'
                                       % ', '.join(before), 72)
        text += ''.join('\n  %s: "%s"' % (n, letters[n].subject) for n in before if letters[n].subject)
    if not real_base():
        text += '\n\nBased on Linux %s.' % base_version()
    with open(path, encoding='utf-8') as f:
        head, _, body = f.read().partition('\n\n')
    head = head.replace('*** SUBJECT HERE ***', letter.subject)
    if not text.isascii() and 'Content-Type:' not in head:
        head += ('\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n'
                 'Content-Transfer-Encoding: 8bit')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(head + '\n\n' + body.replace('*** BLURB HERE ***', text))


def write_mails(out, part, letters, who, version, ids, old):
    """@ids: the commit under the part, and its commits."""
    on, tip = ids[0], ids[-1]
    with tempfile.TemporaryDirectory(prefix='series-') as tmp:
        people, lists = get_maintainer(
            part, format_patch(tmp, who, version, on, tip, '--no-base'))
    to = addresses(letters[part].to + people)
    cc = addresses(letters[part].cc + lists, to)
    shutil.rmtree(out, ignore_errors=True)
    mails = format_patch(
        out, who, version, on, tip, '--cover-letter',
        '--base=' + base_commit() if real_base() else '--no-base',
        *(['--range-diff=' + old] if old else []),
        *('--to=' + email.utils.formataddr(a) for a in to),
        *('--cc=' + email.utils.formataddr(a) for a in cc))
    fill_cover(mails[0], part, letters)
    say('%s: %d mails, cover letter included; to %d people, cc %d'
        % (os.path.relpath(out, TOP), len(mails), len(to), len(cc)))


def cmd_mail(scratch=None):
    who, version, only = sender(), os.environ.get('V') or '1', os.environ.get('PART')
    if not re.fullmatch(r'[1-9]\d*', version):
        die('V=%s: it is the number of a version' % version)
    version = int(version)
    if dirty():
        die('build/linux has uncommitted changes: commit them first')
    commits = series_commits()
    if not commits:
        die('the series is empty')
    cut = dict(slices(commits, divide(commits, branches()))) or {'': commits}
    letters = load_letters(list(cut))
    if only and only not in cut:
        die('PART=%s: there is %s' % (only, ' '.join(cut) or 'none'))
    todo = []
    # All that may fail comes first, so that all is written or nothing.
    for part in [only] if only else cut:
        old = before_that(part, version)
        steps, trouble = stack([*needed(part, letters), part], cut)
        if trouble:
            does_not_go(part, letters, cut, trouble)
        ids = [base_commit(), *sign(steps, who)]
        todo.append((part, ids[-len(cut[part]) - 1:], old))
    top = scratch or os.path.join(BUILD, 'series')
    if not only:
        shutil.rmtree(top, ignore_errors=True)
    for part, ids, old in todo:
        write_mails(os.path.join(top, part), part, letters, who, version, ids, old)
        if not scratch:
            remember(part, version, ids[0], ids[-1], who)
    if not real_base():
        say('the base was a tarball, so the mails have no base-commit: a build/linux '
            'made with LINUX=<git tree> has a true one')


# What writes commits, branches or patches
LOCKED = ('tree', 'export', 'mail')


def lock():
    """One at a time, as lock() in common.sh; who calls us may have the lock."""
    path = os.path.join(BUILD, '.lock')
    if path in os.environ.get('LOCKS', '').split(':') or not os.path.isdir(BUILD):
        return None
    f = open(path, 'a+', encoding='utf-8')
    try:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        f.seek(0)
        say('series.py waits for ' + f.read().strip())
        fcntl.flock(f, fcntl.LOCK_EX)
    f.truncate(0)
    f.write('series.py (process %d, since %s)\n' % (os.getpid(), time.strftime('%H:%M')))
    f.flush()
    return f


def main():
    cmds = {k[4:]: f for k, f in globals().items() if k.startswith('cmd_')}
    if len(sys.argv) < 2 or sys.argv[1] not in cmds:
        sys.exit(__doc__)
    try:
        held = lock() if sys.argv[1] in LOCKED else None
        cmds[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)


main()
