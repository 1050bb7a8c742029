// Sends one photo from the browser: our server makes room and signs, the file goes straight to storage, our server looks at
// it and makes it ready. Every failure is an Error whose message is a sentence for the person.

const MAX_BYTES = 50 * 1024 * 1024;
const LOST = 'The connection was lost. Try again when you have signal.';

type Endpoint = { path: string; account: string };

async function tell(endpoint: Endpoint, body: Record<string, string>): Promise<Record<string, unknown>> {
    const response = await fetch(endpoint.path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ account_id: endpoint.account, ...body })
    }).catch(() => {
        throw new Error(LOST);
    });
    const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (!response.ok) throw new Error(typeof answer.title === 'string' ? answer.title : LOST);
    return answer;
}

/** XMLHttpRequest, since fetch tells nothing of how far an upload has come. */
function put(url: string, file: File, progress: (share: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open('PUT', url);
        request.setRequestHeader('content-type', file.type || 'application/octet-stream');
        request.upload.onprogress = (event) => {
            if (event.lengthComputable) progress(event.loaded / event.total);
        };
        request.onerror = () => reject(new Error(LOST));
        request.onload = () => {
            if (request.status >= 200 && request.status < 300) resolve();
            else reject(new Error(refusalOf(request.responseText)));
        };
        request.send(file);
    });
}

/** Storage's refusals that a person can do something about. */
function refusalOf(text: string): string {
    if (/Payload too large|EntityTooLarge/.test(text)) return 'This photo is over 50 MB. Send a smaller one.';
    if (/mime/i.test(text)) return 'This is not a JPEG or PNG photo. Choose a photo in one of these formats.';
    return 'Storage did not take the photo. Try again.';
}

/**
 * Resolves when the photo is ready for everybody who may see the job. `progress` gets the share of the file that is sent,
 * `arrived` is called when all of it is and the check begins.
 */
export async function sendPhoto(
    job: { id: string; account: string },
    file: File,
    key: string,
    progress: (share: number) => void,
    arrived: () => void
): Promise<void> {
    if (file.size === 0) throw new Error('This file is empty. Choose the photo again.');
    if (file.size > MAX_BYTES) throw new Error('This photo is over 50 MB. Send a smaller one.');
    const endpoint = { path: `/jobs/${job.id}/photos`, account: job.account };
    const room = await tell(endpoint, { step: 'start', file_name: file.name, idempotency_key: key });
    const document_id = String(room.document_id);
    try {
        await put(String(room.url), file, progress);
    } catch (error) {
        await tell(endpoint, { step: 'give_up', document_id }).catch(() => undefined);
        throw error;
    }
    arrived();
    await tell(endpoint, { step: 'arrived', document_id });
}
