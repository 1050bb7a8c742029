/** FILE: photos and documents. */
import { code, constraint, fn, policy, schedule, tagged, test, trigger } from './builders.ts';
import type { LedgerRow } from './types.ts';

export const files: readonly LedgerRow[] = [
    {
        id: 'FILE-1',
        sentence:
            'Your files lie in a private store of your own, made together with your business; nothing in it is public.',
        state: 'kept',
        enforcedBy: [
            fn('private.open_account(text,text,boolean,text,text,uuid)'),
            policy('storage.objects', 'Members view the files of documents that they may see'),
            fn('private.buckets_with(text)')
        ],
        provedBy: [
            test('db', "[FILE-1] the account's private bucket is made with it, named by its id"),
            test('db', '[FILE-1] nothing in a bucket is public'),
            test(
                'integration',
                '[FILE-1] a business’s bucket is private: without a signature nothing in it is served'
            ),
            test(
                'security',
                'files [FILE-1] its own business downloads a stored invoice; another can’t read, list, sign, replace, copy or remove it'
            ),
            tagged('db', 3),
            tagged('contract', 3),
            tagged('integration', 1),
            tagged('security', 1)
        ]
    },
    {
        id: 'FILE-2',
        sentence:
            'The app opens a file only by an address that dies after 60 seconds and takes one only within ten minutes, for one file and one act, from somebody who is still a member.',
        state: 'kept',
        enforcedBy: [
            code('supabase/functions/storage-sign/index.ts', 'VIEW_SECONDS'),
            trigger('storage.objects', 'objects_need_an_awaiting_document'),
            fn('private.guard_object()'),
            policy('storage.objects', 'Members upload the file of a document that they started')
        ],
        provedBy: [
            test('integration', '[FILE-2] a URL to view shows the photo for 60 seconds and then no more'),
            test('integration', '[FILE-2] a URL to view is bound to its one object'),
            test('integration', '[FILE-2] a URL to view is bound to reading'),
            test('integration', '[FILE-2] a URL to view is worth nothing when anything in it is changed'),
            test(
                'integration',
                '[FILE-2] a live upload token is worth nothing after its holder was removed from the business'
            ),
            test('integration', '[FILE-2] a live upload token is worth nothing after ten minutes'),
            test('integration', '[FILE-2] a live upload token is worth nothing for a second object'),
            tagged('db', 15),
            tagged('contract', 5),
            tagged('integration', 20),
            tagged('security', 1)
        ],
        doors: {
            app: 'every photo and PDF is shown by such an address.',
            open: 'a member who takes their own sign-in token to the file store directly reads what the policies let them read anyway, and a removed member nothing.'
        }
    },
    {
        id: 'FILE-3',
        sentence:
            'Before an address for a file is signed, it is asked again whether this person is a member, may see it, and whether the business is suspended.',
        state: 'kept',
        enforcedBy: [
            policy('storage.objects', 'Members view the files of documents that they may see'),
            policy('storage.objects', 'Members upload the file of a document that they started'),
            fn('private.buckets_with(text)')
        ],
        provedBy: [
            test('integration', '[FILE-2] a view [FILE-3] is not signed any more for a removed member'),
            test(
                'integration',
                '[FILE-3] the signing function gives a removed member nothing, with a token that is still good'
            ),
            test('integration', '[FILE-3] the signing function signs no upload for a suspended business'),
            tagged('db', 1),
            tagged('integration', 3)
        ]
    },
    {
        id: 'FILE-4',
        sentence:
            'What a photo is and how large is read from its content; where it was taken is removed before anybody else can see it; web pages and SVG are refused.',
        state: 'kept',
        enforcedBy: [
            code('src/lib/server/photos.ts', 'cleanPhoto'),
            code('src/lib/server/photos.ts', 'MAX_PHOTO_BYTES'),
            constraint('public.documents', 'ready_document_has_its_facts'),
            policy('public.documents', 'Members see ready documents, and those they upload themselves'),
            schedule('sweep-documents')
        ],
        provedBy: [
            test(
                'unit',
                '[FILE-4] a photo is known by its content turns a JPEG upright and leaves no position in it'
            ),
            test(
                'unit',
                '[FILE-4] a photo is known by its content drops a page that hides behind a real photo'
            ),
            test('db', '[FILE-4] HTML never becomes a document'),
            test('db', '[FILE-4] nobody but its uploader sees a photo that is not ready'),
            test('db', '[FILE-4] and never the raw upload with its metadata'),
            tagged('unit', 6),
            tagged('db', 6),
            tagged('integration', 8),
            tagged('e2e', 1)
        ]
    },
    {
        id: 'FILE-5',
        sentence:
            'Every document says who outside your business may see it (nobody, the client, a supplier), and their pages show only those.',
        state: 'not_yet',
        works: 'A customer’s private link shows the stored invoice it is for and nothing else; internal documents are never shown by it.',
        missing: 'The supplier’s portal, and a way to open a document to a client.',
        enforcedBy: [
            constraint('public.documents', 'document_access_is_known'),
            policy('storage.objects', 'Whoever holds a live link reads the PDF of that invoice')
        ],
        provedBy: [
            test('db', '[FILE-5] with it, the stored invoice and nothing else'),
            test('db', '[FILE-5] an internal document is not shown through a link'),
            tagged('db', 3)
        ]
    },
    {
        id: 'FILE-6',
        sentence: 'Photos taken without signal wait on the phone and arrive exactly once.',
        state: 'not_yet',
        missing: 'Waiting on the phone: without signal an upload fails, and says so.',
        enforcedBy: [],
        provedBy: []
    }
];
