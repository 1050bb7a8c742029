// One way to have a form in a page: superforms with our defaults. Works as a plain form before and without the script.
import { superForm, type FormOptions, type SuperForm, type SuperValidated } from 'sveltekit-superforms';

type Message = App.Superforms.Message;

/**
 * The form of a page's load. What was typed stays, whatever goes wrong; a lost connection says so over the form and the
 * next try is one tap; `delayed` turns true when the answer takes more than 300 ms.
 */
export function pageForm<Fields extends Record<string, unknown>>(
    form: SuperValidated<Fields, Message>,
    options: FormOptions<Fields, Message> = {}
): SuperForm<Fields, Message> {
    const made: SuperForm<Fields, Message> = superForm<Fields, Message>(form, {
        resetForm: false,
        multipleSubmits: 'prevent',
        delayMs: 300,
        onError({ result }) {
            const offline = typeof navigator !== 'undefined' && !navigator.onLine;
            made.message.set({
                code: 'unavailable',
                text: offline
                    ? 'You are offline. What you typed is still here: send it again when you have signal.'
                    : (result.error.message ??
                      'That did not arrive. What you typed is still here: send it again.')
            });
        },
        ...options
    });
    return made;
}
