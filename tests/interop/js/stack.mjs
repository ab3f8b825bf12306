// Starts `switchboard up --json` on free ports, and stops it. The program to run is named by
// the environment variable SWITCHBOARD.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = process.env.SWITCHBOARD ?? `${root}/target/debug/switchboard`;

export class Stack {
  /** Starts the repository's own template; `options` are further arguments of `up`. */
  static async start(options = []) {
    const stack = new Stack();
    stack.process = spawn(program, ['up', '--json', '--port', '0', '--http-port', '0', '--aws-port', '0', ...options], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    stack.lines = [];
    stack.waiting = [];
    stack.errors = '';
    createInterface({ input: stack.process.stderr }).on('line', (line) => stack.#take(line));
    stack.addresses = JSON.parse(await stack.#firstLine());
    return stack;
  }

  /** Asks it to stop, and gives its exit status. */
  async stop() {
    const exited = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    return exited;
  }

  /** The next log line, past or future, that `wanted` accepts: its parsed JSON. */
  async log(wanted) {
    const seen = this.lines.find(wanted);
    if (seen) return seen;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no such log line; there are:\n${this.lines.map((l) => JSON.stringify(l)).join('\n')}`)),
        10_000,
      );
      this.waiting.push({ wanted, resolve: (line) => { clearTimeout(timer); resolve(line); } });
    });
  }

  #take(line) {
    let event;
    try {
      event = JSON.parse(line);
      event.line = JSON.parse(event.message);
    } catch {
      this.errors += `${line}\n`;
      return;
    }
    this.lines.push(event);
    this.waiting = this.waiting.filter(({ wanted, resolve }) => !wanted(event) || resolve(event));
  }

  #firstLine() {
    return new Promise((resolve, reject) => {
      createInterface({ input: this.process.stdout }).once('line', resolve);
      this.process.once('exit', (status) => reject(new Error(`it ended with ${status}:\n${this.errors}`)));
    });
  }
}
