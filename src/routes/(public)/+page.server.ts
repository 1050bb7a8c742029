import { redirect } from '@sveltejs/kit';
import type { PageServerLoad } from './$types';

/** The front door: who is signed in goes straight to work. */
export const load: PageServerLoad = ({ locals }) => {
    if (locals.standing.state === 'person') redirect(303, '/today');
};
