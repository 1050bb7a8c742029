// Where a job can go next. The database holds the same edges in a trigger and has the last word.

export const JOB_STATES = [
    'enquiry',
    'quoted',
    'booked',
    'in_progress',
    'done',
    'invoiced',
    'paid',
    'lost',
    'cancelled'
] as const;

export type JobState = (typeof JOB_STATES)[number];

/** The states on the strip, in order, with the words a trader uses. */
export const LIFECYCLE: readonly { state: JobState; label: string }[] = [
    { state: 'enquiry', label: 'Enquiry' },
    { state: 'quoted', label: 'Quoted' },
    { state: 'booked', label: 'Booked' },
    { state: 'in_progress', label: 'Doing' },
    { state: 'done', label: 'Done' },
    { state: 'invoiced', label: 'Invoiced' },
    { state: 'paid', label: 'Paid' }
];

/**
 * Edges a person may take. Invoiced and paid are reached by issuing and paying the invoice, never by hand;
 * small jobs skip quoting and booking.
 */
const EDGES: Record<JobState, readonly JobState[]> = {
    enquiry: ['quoted', 'booked', 'in_progress', 'done', 'lost', 'cancelled'],
    quoted: ['booked', 'in_progress', 'done', 'lost', 'cancelled'],
    booked: ['in_progress', 'done', 'cancelled'],
    in_progress: ['booked', 'done', 'cancelled'],
    done: ['in_progress'],
    invoiced: [],
    paid: [],
    lost: ['enquiry'],
    cancelled: ['enquiry']
};

/** The states a person may move this job to by hand, the usual next step first. */
export function nextJobStates(state: JobState): readonly JobState[] {
    const usual: Partial<Record<JobState, JobState>> = {
        enquiry: 'booked',
        quoted: 'booked',
        booked: 'in_progress',
        in_progress: 'done'
    };
    const first = usual[state];
    const edges = EDGES[state];
    return first && edges.includes(first) ? [first, ...edges.filter((edge) => edge !== first)] : edges;
}

export function canMoveJob(from: JobState, to: JobState): boolean {
    return EDGES[from].includes(to);
}

/** The word for a state, also for the two that aren't on the strip. */
export function jobStateLabel(state: JobState): string {
    if (state === 'lost') return 'Lost';
    if (state === 'cancelled') return 'Cancelled';
    return LIFECYCLE.find((step) => step.state === state)?.label ?? state;
}
