/** Counts faults and the states that they left, and prints what was wrong. */
export class Report {
  readonly title: string;
  readonly states: Record<string, number> = {};
  readonly wrong: string[] = [];
  /** situations that need not be tried in other scenarios */
  situations: string[] = [];
  readonly #start = performance.now();

  readonly #only: string | undefined;

  /** @param only the one fault to try; default: all */
  constructor(title: string, only?: string) {
    this.title = title;
    this.#only = only;
  }

  /** Runs one trial, which returns the state that it found, or throws what is wrong. */
  try(fault: string, trial: () => string): void {
    if (fault !== (this.#only ?? fault)) return;
    let state = 'wrong';
    try {
      state = trial();
    } catch (error) {
      const wrong = `${this.title}: ${fault}: ${(error as Error).message}`;
      console.log(`  WRONG ${wrong}`);
      this.wrong.push(wrong);
    }
    this.states[state] = (this.states[state] ?? 0) + 1;
  }

  get tried(): number {
    return Object.values(this.states).reduce((sum, count) => sum + count, 0);
  }

  /** One line of figures. */
  get figures(): string {
    const states = Object.entries(this.states).map(([state, count]) => `${count} ${state}`);
    const seconds = Math.round((performance.now() - this.#start) / 1000);
    return `${this.title}: ${this.tried} faults in ${seconds} s: ${states.sort().join(', ') || 'none'}`;
  }
}
