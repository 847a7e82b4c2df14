#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The series as patches and files, and the series as commits.

  series.py base DIR MSG  commit DIR's index as the base and tag it
  series.py tree          patches and files -> commits in build/linux
  series.py export        commits in build/linux -> patches and files
  series.py roundtrip     check that tree -> export -> tree changes nothing
  series.py knobs         print a commit: HEAD of build/linux + break-locks.patch
  series.py commits       print HEAD's commits over the base, oldest first
  series.py mail          build/series/v1-*.patch for git send-email or b4

A patch file is a mail without a From line: subject, body, a line '---', one
'New-file: path' line for each file that arrives whole with this patch (it
stands in this repository at that path), and the diff of existing files.

'New-file: MAINTAINERS' is special: the file here holds nothing but our entry,
and the commit has the kernel's MAINTAINERS with that entry in its place.
"""

import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, 'build')
LINUX = os.path.join(BUILD, 'linux')
KNOBS = 'tools/testing/selftests/dax/break-locks.patch'
# Commits carry dates made from this, so that the same series has the same ids.
EPOCH = 1767225600
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


def sha(data):
    return hashlib.sha256(data).hexdigest()


# The two forms of a patch

class Patch:
    """One patch of the series, as it stands in this repository."""

    def __init__(self, path, text=None):
        self.path = path
        text = (read(path) if text is None else text).decode()
        head, sep, tail = text.partition('\n---\n')
        if not sep or not head.startswith('Subject: '):
            die("%s: wants 'Subject: ...', the message, and a line '---'" % path)
        subject, _, body = head.partition('\n\n')
        subject = re.sub(r'\n[ \t]+', ' ', subject[len('Subject: '):]).strip()
        self.message = (subject + '\n\n' + body).rstrip() + '\n'
        lines = tail.split('\n')
        self.new = []
        while lines and (lines[0].startswith('New-file: ') or not lines[0]):
            line = lines.pop(0)
            if line:
                self.new.append(line[len('New-file: '):].strip())
        self.diff = '\n'.join(lines)
        if self.diff.strip() and not self.diff.startswith('diff --git '):
            die("%s: '%s' is neither New-file: nor the start of a diff"
                % (path, self.diff.split('\n', 1)[0]))

    def files(self):
        """{path: (mode, content)} of what arrives whole."""
        out = {}
        for path in self.new:
            full = os.path.join(TOP, path)
            if not os.path.isfile(full):
                die('%s says New-file: %s, which is not here' % (self.path, path))
            mode = '100755' if os.access(full, os.X_OK) else '100644'
            out[path] = (mode, read(path))
        return out

    def key(self):
        h = hashlib.sha256(read(self.path))
        for path, (mode, data) in sorted(self.files().items()):
            h.update(('%s %s %s\n' % (path, mode, sha(data))).encode())
        return h.hexdigest()


def load_series():
    if not os.path.exists(os.path.join(TOP, 'series')):
        return []
    out = []
    for line in read('series').decode().splitlines():
        path = line.split('#')[0].strip()
        if not path:
            continue
        if not os.path.isfile(os.path.join(TOP, path)):
            die('series names %s, which is not here' % path)
        out.append(Patch(path))
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
    def one(key, default):
        # git config fails where nothing is set
        r = run('git', '-C', TOP, 'config', key, check=False)
        return r.stdout.decode().strip() or default
    return one('user.name', 'unnamed'), one('user.email', 'unnamed@localhost')


def commit_env(n, who=None):
    name, mail = who or identity()
    date = '%d +0000' % (EPOCH + n)
    return {'GIT_AUTHOR_NAME': name, 'GIT_AUTHOR_EMAIL': mail,
            'GIT_COMMITTER_NAME': name, 'GIT_COMMITTER_EMAIL': mail,
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
    if patch.diff.strip():
        index.apply(patch.path, patch.diff)
    for path, (mode, data) in patch.files().items():
        if path == 'MAINTAINERS':
            mode = '100644'
            data = merge_maintainers(blob(parent, path).decode(),
                                     data.decode()).encode()
        elif index.has(path):
            die('%s says New-file: %s, which exists before it' % (patch.path, path))
        index.add(path, mode, data)
    return index.commit(patch.message, parent, commit_env(n))


# What build/linux was made from: [[key of the patch, commit], ...], its HEAD,
# and the checksums of the files that stood here then.

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


def file_sums(patches):
    return {path: sha(data) for p in patches
            for path, (_, data) in p.files().items()}


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
        state['moving'] = None
        save_state(state)

    keys = [sha(' '.join([p.key(), p.path, *identity()]).encode()) for p in patches]
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
            'or throw it away with git -C build/linux checkout -f -B series %s'
            % (', '.join(work), state['head'][:12] if state else 'base'))

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
    state = {'done': done, 'head': parent, 'moving': parent,
             'files': file_sums(patches)}
    save_state(state)
    git('checkout', '-q', '-f', '-B', 'series', parent)
    save_state(dict(state, moving=None))
    say('build/linux: base and %d patches' % len(patches))


# Export

def changes(commit):
    """[(status, path)] of a commit."""
    out = git('diff-tree', '-r', '--no-renames', '--name-status', '-z',
              '--no-commit-id', commit + '^', commit).split('\0')
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


def collect():
    """The commits of build/linux as ({path: patch text}, order, new files)."""
    base = base_commit()
    if git('rev-list', '--merges', 'base..HEAD').strip():
        die('build/linux has a merge: the series is a straight line')
    if not git_ok('merge-base', '--is-ancestor', base, 'HEAD'):
        die("build/linux: HEAD does not descend from the tag 'base'")
    texts, order, new, born = {}, [], {}, {}
    for n, c in enumerate(git('rev-list', '--reverse', 'base..HEAD').split(), 1):
        subj, message = clean_message(c)
        old, fresh = [], []
        for status, path in changes(c):
            if path in born:
                die("'%s' changes %s, which '%s' brings; each new file arrives "
                    'whole in one patch: squash with git -C build/linux rebase -i base'
                    % (subj, path, born[path]))
            if path == 'MAINTAINERS':
                entry = added_entry(blob(c + '^', path).decode(),
                                    blob(c, path).decode(), subj)
                new[path] = ('100644', strip_mail(entry).encode())
            elif status == 'A':
                mode = git('ls-tree', c, '--', path).split()[0]
                if mode not in ('100644', '100755'):
                    die("'%s': %s is no plain file" % (subj, path))
                new[path] = (mode, blob(c, path))
            else:
                old.append(path)
                continue
            born[path] = subj
            fresh.append(path)
        if not old and not fresh:
            die("'%s' changes nothing" % subj)
        diff = ''
        if old:
            diff = run('git', '-C', LINUX, '-c', 'core.quotePath=true', 'diff-tree', '-p',
                       '-U1', '--no-renames', '--no-color', '--no-ext-diff',
                       '--diff-algorithm=histogram', '--src-prefix=a/',
                       '--dst-prefix=b/', '--no-commit-id', '-r', c + '^', c, '--',
                       *old).stdout.decode()
            diff = re.sub(r'^index [0-9a-f]+\.\.[0-9a-f]+.*\n', '', diff, flags=re.M)
        slug = git('show', '-s', '--format=%f', c).strip()[:60].rstrip('-.')
        name = '%s/%04d-%s.patch' % (directory(subj, old + fresh), n, slug)
        order.append(name)
        texts[name] = ('Subject: ' + message + '---\n' +
                       ''.join('New-file: %s\n' % p for p in fresh) + diff).encode()
    return texts, order, new


def cmd_export():
    if not os.path.isdir(os.path.join(LINUX, '.git')):
        die("there is no build/linux: run 'make tree' first")
    if dirty():
        die('build/linux has uncommitted changes: commit them, or git stash, first')
    for line in git('status', '--porcelain').splitlines():
        say('build/linux/%s is not in git and stays out' % line[3:])
    texts, order, new = collect()
    state = load_state() or {'files': {}}

    # What is in the way here, and came neither from the last tree or export
    # nor from this one, is somebody's edit.
    lost = []
    for path, (_, data) in new.items():
        if os.path.exists(os.path.join(TOP, path)):
            now = sha(read(path))
            if now not in (sha(data), state['files'].get(path)):
                lost.append(path)
    if lost and not os.environ.get('FORCE'):
        die('edited here, not in build/linux: %s; carry the edit over to '
            'build/linux, or overwrite it with make export FORCE=1'
            % ' '.join(lost))

    old = glob.glob(os.path.join(TOP, '*', '[0-9][0-9][0-9][0-9]-*.patch'))
    for full in old:
        path = os.path.relpath(full, TOP)
        for gone in Patch(path).new:
            if gone not in new and state['files'].get(gone) is not None and \
                    os.path.exists(os.path.join(TOP, gone)) and \
                    sha(read(gone)) == state['files'][gone]:
                say('%s is no longer in the series: removed' % gone)
                os.unlink(os.path.join(TOP, gone))
        if path not in texts:
            os.unlink(full)
    for path, (mode, data) in new.items():
        write(path, data, 0o755 if mode == '100755' else 0o644)
    for path, data in texts.items():
        write(path, data)
    write('series', ''.join(p + '\n' for p in order).encode())

    patches = load_series()
    ids = git('rev-list', '--reverse', 'base..HEAD').split()
    keys = [sha(' '.join([p.key(), p.path, *identity()]).encode()) for p in patches]
    save_state({'done': [list(x) for x in zip(keys, ids)], 'head': head(),
                'moving': None, 'files': file_sums(patches)})
    say('exported %d patches and %d new files' % (len(order), len(new)))


def cmd_roundtrip():
    """From what stands here: commits, then back; and the same commits again."""
    patches = load_series()
    texts, order, new = collect()
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
    parent = base_commit()
    ids = git('rev-list', '--reverse', 'base..HEAD').split()
    with Index(parent) as index:
        for n, (patch, want) in enumerate(zip(patches, ids), 1):
            parent = make_commit(index, patch, parent, n)
            diff = git('diff-tree', '-r', '--name-only', parent, want).split()
            if diff == ['MAINTAINERS'] and re.search(
                    r'^\+M:', git('diff-tree', '-p', parent, want), re.M):
                continue    # a name that export leaves out
            if diff:
                die('%s makes another tree than its commit: %s'
                    % (patch.path, ' '.join(diff)))
    print('%d patches, %d new files: tree, export and tree again agree'
          % (len(order), len(new)))


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
    sys.stdout.write(git('rev-list', '--reverse', 'base..HEAD'))


# Mail

def cmd_mail():
    author = os.environ.get('AUTHOR', '')
    m = re.match(r'\s*(.*\S)\s*<(\S+@\S+)>\s*$', author)
    if not m:
        die("who sends it? make series AUTHOR='Name <mail>'")
    who = m.groups()
    if dirty():
        die('build/linux has uncommitted changes: commit them first')
    base = parent = base_commit()
    now = int(time.time()) - EPOCH - 1000
    entry = None
    out = os.path.join(BUILD, 'series')
    with Index(base) as index:
        for n, c in enumerate(git('rev-list', '--reverse', 'base..HEAD').split(), 1):
            _, message = clean_message(c)
            message = git('interpret-trailers', '--trailer',
                          'Signed-off-by: %s <%s>' % who, data=message)
            index.load(c)
            if any(p == 'MAINTAINERS' for _, p in changes(c)):
                bare = strip_mail(added_entry(blob(c + '^', 'MAINTAINERS').decode(),
                                              blob(c, 'MAINTAINERS').decode(), ''))
                first, rest = bare.split('\n', 1)
                entry = '%s\nM:\t%s <%s>\n%s' % (first, who[0], who[1], rest)
            if entry:
                index.add('MAINTAINERS', '100644', merge_maintainers(
                    blob(base, 'MAINTAINERS').decode(), entry).encode())
            parent = index.commit(message, parent, commit_env(now + n, who))
    if parent == base:
        die('the series is empty')
    shutil.rmtree(out, ignore_errors=True)
    git('-c', 'format.signature=', '-c', 'user.name=' + who[0],
        '-c', 'user.email=' + who[1], 'format-patch', '-q',
        '-v1', '--cover-letter', '--thread=shallow', '-o', out,
        '%s..%s' % (base, parent))
    cover = os.path.join(out, 'v1-0000-cover-letter.patch')
    text = open(cover).read()
    letter = 'Documentation/cover-letter.txt'
    if os.path.exists(os.path.join(TOP, letter)):
        subj, _, blurb = read(letter).decode().partition('\n')
        text = text.replace('*** SUBJECT HERE ***',
                            re.sub(r'^Subject: *', '', subj).strip())
        text = text.replace('*** BLURB HERE ***', blurb.strip('\n'))
        with open(cover, 'w') as f:
            f.write(text)
    else:
        say('%s is not here: fill in the cover letter by hand' % letter)
    say('build/series: %d mails, cover letter included; git send-email build/series/*.patch'
        % len(os.listdir(out)))


def main():
    cmds = {k[4:]: f for k, f in globals().items() if k.startswith('cmd_')}
    if len(sys.argv) < 2 or sys.argv[1] not in cmds:
        sys.exit(__doc__)
    try:
        cmds[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)


main()
