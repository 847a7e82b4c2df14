#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Pictures of what the tests have counted: Documentation/report/.

Reads the figures out of what the stages cost and life have left in build/log,
draws them as PNG and SVG, and writes a page around them.  Nothing is typed in;
without figures nothing is written.
"""

import os
import re
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("report.py: no matplotlib: install it (python3-matplotlib on Debian and Fedora, python-matplotlib on Arch)")
matplotlib.use('Agg')
matplotlib.rcParams['svg.hashsalt'] = 'dax'
import matplotlib.pyplot as plt

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
LOG = os.path.join(TOP, 'build', 'log')
OUT = os.path.join(TOP, 'Documentation', 'report')
COST = re.compile(r'cost (\w+) (\w+) # (\d+) -> (\d+)')
SUBTEST = re.compile(r'# Subtest: (\w+)')
PUNCH = re.compile(r'(\d+) pages: (\d+)')
COLOUR = {'base': '#b04030', 'series': '#2060a0'}


def lines(name):
    try:
        with open(os.path.join(LOG, name), errors='replace') as f:
            yield from f
    except FileNotFoundError:
        pass


def read_cost():
    """{fs: {kind: (base, series)}}"""
    cost = {}
    for line in lines('cost.ktap'):
        if m := COST.search(line):
            fs, kind, base, series = m.groups()
            cost.setdefault(fs, {})[kind] = int(base), int(series)
    return cost


def read_punch():
    """{fs: {kernel: {pages: instructions}}}, each file system a subtest"""
    punch = {}
    for kernel in 'base', 'series':
        fs = None
        for line in lines(f'life.{kernel}-c'):
            if m := SUBTEST.search(line):
                fs = m.group(1)
            elif fs and (points := PUNCH.findall(line)):
                punch.setdefault(fs, {})[kernel] = {int(p): int(n) for p, n in points}
    return punch


def save(fig, name):
    for ext in 'png', 'svg':
        fig.savefig(os.path.join(OUT, f'{name}.{ext}'), dpi=110,
                    metadata={'Date': None} if ext == 'svg' else {'Software': None})
    plt.close(fig)


def draw_punch(punch):
    fig, axes = plt.subplots(1, len(punch), figsize=(5 * len(punch), 4), sharey=True,
                             squeeze=False, layout='constrained')
    for ax, (fs, kernels) in zip(axes[0], sorted(punch.items())):
        for kernel, points in sorted(kernels.items()):
            ax.loglog(list(points), list(points.values()), 'o-', base=2,
                      color=COLOUR[kernel], label=kernel)
        ax.set_yscale('log', base=10)
        ax.set_title(fs)
        ax.set_xlabel('pages of the file that are mapped')
        ax.grid(True, which='major', alpha=.3)
    axes[0][0].set_ylabel('instructions for a punch of one page')
    axes[0][0].legend()
    save(fig, 'punch')


def draw_faults(cost):
    fig, axes = plt.subplots(1, len(cost), figsize=(5.5 * len(cost), 5),
                             squeeze=False, layout='constrained')
    for ax, (fs, kinds) in zip(axes[0], sorted(cost.items())):
        names = [k for k in kinds if not k.startswith('pwrite')][::-1]
        rows = range(len(names))
        both = [kinds[n] for n in names]
        # Dots, not bars: a logarithmic axis has no zero to begin at.
        ax.hlines(rows, [min(b) for b in both], [max(b) for b in both], color='#999999')
        for k, kernel in enumerate(('base', 'series')):
            ax.plot([b[k] for b in both], rows, 'o', color=COLOUR[kernel], label=kernel)
        for row, (base, series) in zip(rows, both):
            ax.text(max(base, series) * 1.08, row, f'{series / base:.2f}', va='center', fontsize=8)
        ax.set_yticks(rows, [n.replace('_', ' ') for n in names])
        ax.set_xscale('log')
        ax.set_xlim(right=ax.get_xlim()[1] * 1.4)
        ax.set_title(fs)
        ax.set_xlabel('instructions; series / base beside the dots')
        ax.grid(True, axis='both', which='major', alpha=.3)
    axes[0][0].legend(loc='upper right')
    save(fig, 'faults')


def table(head, rows):
    width = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]
    bar = ' '.join('=' * w for w in width)
    lines = [' '.join(str(c).ljust(w) for c, w in zip(r, width)).rstrip() for r in [head] + rows]
    return '\n'.join([bar, lines[0], bar] + lines[1:] + [bar])


def page(cost, punch):
    title = 'What the tests have counted'
    parts = ['.. SPDX-License-Identifier: GPL-2.0', '', '=' * len(title), title, '=' * len(title), '',
             "Written by ``make report``, out of the results of ``make check``.  Instructions are",
             'counted by an emulator with one CPU, whose clock they are: they repeat to about one in a',
             'thousand, and say nothing of caches.']
    if punch:
        sizes = sorted({n for ks in punch.values() for k in ks.values() for n in k})
        parts += ['', 'A punch of one page, by pages mapped', '-' * 36, '',
                  '.. image:: punch.svg', '   :alt: instructions by pages mapped, base and series', '',
                  table(['', ''] + [f'{n} pages' for n in sizes],
                        [[fs, kernel] + [ks[kernel].get(n, '') for n in sizes]
                         for fs, ks in sorted(punch.items()) for kernel in sorted(ks)])]
    if cost:
        parts += ['', 'Faults and writes', '-' * 17, '',
                  '.. image:: faults.svg', '   :alt: instructions by kind of fault, base and series', '',
                  table(['', 'instructions per', 'base', 'series', 'ratio'],
                        [[fs, kind.replace('_', ' '), b, s, f'{s / b:.3f}']
                         for fs, kinds in sorted(cost.items()) for kind, (b, s) in kinds.items()])]
    return '\n'.join(parts) + '\n'


def main():
    cost, punch = read_cost(), read_punch()
    if not cost and not punch:
        sys.exit("report.py: no figures: run make check STAGES='life cost' first")
    os.makedirs(OUT, exist_ok=True)
    if punch:
        draw_punch(punch)
    if cost:
        draw_faults(cost)
    with open(os.path.join(OUT, 'index.rst'), 'w') as f:
        f.write(page(cost, punch))
    print('== report: Documentation/report/index.rst, of '
          f'{sum(map(len, cost.values()))} costs and {sum(map(len, punch.values()))} curves')


if __name__ == '__main__':
    main()
