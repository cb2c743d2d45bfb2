import toml from '@iarna/toml';
import test from 'ava';
import { findLines } from '../../src/text/toml-positions.js';

const source = `# driver = "no"
driver.name = "copy" # [hook]
"quoted key" = 1
text = """
driver = "inside"
[[hook]]
""" # end
[[hook]]
  point = [ # a comment ]
    "a",
    "exec",
  ]
  exec = ["/bin/x"]
[hook.options]
deep = { inline = "x" }
'lit.eral' = "# no comment"

[[hook]]
timeout = 1
[hook.options]
deep = 2
[other . table]
x = '''
]'''
y = 1
`;

test('finds keys of tables, arrays of tables, dotted and quoted ones', (t) => {
  t.notThrows(() => toml.parse(source));
  const lineOf = findLines(source);
  t.is(lineOf(['driver', 'name']), 2);
  t.is(lineOf(['driver']), 2);
  t.is(lineOf(['quoted key']), 3);
  t.is(lineOf(['text']), 4);
  t.is(lineOf(['hook']), 8);
  t.is(lineOf(['hook', 0]), 8);
  t.is(lineOf(['hook', 0, 'point']), 9);
  t.is(lineOf(['hook', 0, 'exec']), 13);
  t.is(lineOf(['hook', 0, 'options', 'deep']), 15);
  t.is(lineOf(['hook', 0, 'options', 'lit.eral']), 16);
  t.is(lineOf(['hook', 1]), 18);
  t.is(lineOf(['hook', 1, 'timeout']), 19);
  t.is(lineOf(['hook', 1, 'options', 'deep']), 21);
  t.is(lineOf(['other', 'table', 'y']), 25);
});

test('a missing key has the line of its table', (t) => {
  const lineOf = findLines(source);
  t.is(lineOf(['hook', 1, 'point']), 18);
  t.is(lineOf(['hook', 0, 'options', 'deep', 'inline']), 15);
  t.is(lineOf(['nowhere']), 1);
});
