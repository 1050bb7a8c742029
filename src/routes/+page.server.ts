import { redirect } from '@sveltejs/kit';
import type { PageServerLoad } from './$types';

/** The front door leads to work, or to signing in. */
export const load: PageServerLoad = ({ locals }) => {
    redirect(303, locals.standing.state === 'person' ? '/today' : '/sign-in');
};
