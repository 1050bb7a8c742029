// For every protected load, action and endpoint one request that is right in all but who sends it. A route without an
// example here fails the run (doors.test.ts): whoever adds a route adds its line in the file of its area.
import { customers } from './examples/customers.ts';
import type { Examples } from './examples/example.ts';
import { invoices } from './examples/invoices.ts';
import { jobs } from './examples/jobs.ts';
import { settings } from './examples/settings.ts';
import { team } from './examples/team.ts';

export const EXAMPLES: Examples = { ...customers, ...invoices, ...jobs, ...team, ...settings };
