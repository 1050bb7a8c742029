-- The demo businesses: a month of work, told day by day through the same functions that the app calls.
-- All people, places and numbers are made up (Ofcom's numbers for drama, a postcode area that does not exist).
--
-- demo login: owner@belllane.example / copper-kettle-42    (Bell Lane Electrical, owner, VAT registered)
-- demo login: jess@belllane.example / copper-kettle-42     (Bell Lane Electrical, staff)
-- demo login: owner@finchplumbing.example / copper-kettle-42    (Finch Plumbing, owner, not VAT registered)
-- demo login: platform@tradersflow.example / copper-kettle-42    (runs the platform: go to /admin, which has you set up a second factor first)

create temporary table person (email text primary key, name text, user_id uuid, session_id uuid);
create temporary table client (business text, n int, name text, email text, phone text, line_1 text, town text, postcode text, primary key (business, n));
create temporary table work (
    business text, n int, client int, title text, description text,
    asked int, booked int, finished int, ends text, job_id uuid, by_staff boolean default false,
    primary key (business, n)
);
create temporary table bill (
    business text, n int, work int, lines text, drafted int, issued int, sent int, opened int,
    paid text, invoice_id uuid,
    primary key (business, n)
);
comment on column pg_temp.work.asked is 'Days ago, as are booked (negative: days ahead) and finished.';
comment on column pg_temp.bill.lines is 'kind|description|quantity|unit price in pounds|VAT in per cent; …';
comment on column pg_temp.bill.paid is 'days ago|method|amount in pounds, or rest; …';

insert into person (email, name, user_id, session_id)
values
    ('owner@belllane.example', 'Sam Adeyemi', gen_random_uuid(), gen_random_uuid()),
    ('jess@belllane.example', 'Jess Whitlock', gen_random_uuid(), gen_random_uuid()),
    ('owner@finchplumbing.example', 'Robin Finch', gen_random_uuid(), gen_random_uuid()),
    ('platform@tradersflow.example', 'Alex Morgan', gen_random_uuid(), gen_random_uuid());

insert into auth.users (
    instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
    confirmation_token, recovery_token, email_change_token_new, email_change,
    raw_app_meta_data, raw_user_meta_data, created_at, updated_at
)
select
    '00000000-0000-0000-0000-000000000000', p.user_id, 'authenticated', 'authenticated', p.email,
    extensions.crypt('copper-kettle-42', extensions.gen_salt('bf', 10)), now() - interval '45 days',
    '', '', '', '',
    '{"provider": "email", "providers": ["email"]}', jsonb_build_object('full_name', p.name),
    now() - interval '45 days', now() - interval '45 days'
from person as p;

insert into auth.identities (id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
select
    gen_random_uuid(), p.user_id::text, p.user_id,
    jsonb_build_object('sub', p.user_id, 'email', p.email, 'email_verified', true, 'phone_verified', false),
    'email', now() - interval '45 days', now() - interval '45 days', now() - interval '45 days'
from person as p;

insert into private.platform_owners (user_id, email)
select p.user_id, p.email
from person as p
where p.email = 'platform@tradersflow.example';

-- Sessions for as long as this file runs; they are gone at its end.
insert into auth.sessions (id, user_id, created_at, updated_at, aal)
select p.session_id, p.user_id, now(), now(), 'aal1'
from person as p;

insert into client (business, n, name, email, phone, line_1, town, postcode)
values
    ('bell', 1, 'Priya Raman', 'priya.raman@mail.example', '07700 900114', '14 Orchard Rise', 'Kelsworth', 'KQ2 4LD'),
    ('bell', 2, 'Dennis and Carol Hobbs', 'hobbs@mail.example', '07700 900163', '3 Chapel Row', 'Netherby', 'KQ5 1HA'),
    ('bell', 3, 'Kelsworth Lettings', 'repairs@kelsworthlettings.example', '01632 960114', '2 Market Street', 'Kelsworth', 'KQ1 1AA'),
    ('bell', 4, 'Tom Ashdown', 'tom.ashdown@mail.example', '07700 900187', 'Weir Cottage, Mill Lane', 'Thornleigh', 'KQ7 3PT'),
    ('bell', 5, 'The Copper Bean', 'hello@copperbean.example', '07700 900195', '27 High Street', 'Kelsworth', 'KQ1 2BN'),
    ('bell', 6, 'Marta Kowalczyk', 'marta.k@mail.example', '07700 900201', '58 Station Road', 'Netherby', 'KQ5 2RW'),
    ('bell', 7, 'St Wilfrid''s Parish Hall', 'bookings@stwilfrids.example', '01632 960177', 'Church Lane', 'Thornleigh', 'KQ7 1SW'),
    ('bell', 8, 'Owen Pritchard', 'owen.pritchard@mail.example', '07700 900228', '9 Larkspur Close', 'Kelsworth', 'KQ2 6FE'),
    ('bell', 9, 'Hannah and Leo Byrne', 'byrnes@mail.example', '07700 900244', '71 Foundry Street', 'Kelsworth', 'KQ1 5GT'),
    ('bell', 10, 'Graham Tutt', null, '07700 900259', '6 Almond Court', 'Netherby', 'KQ5 4NN'),
    ('finch', 1, 'Aisha Malik', 'aisha.malik@mail.example', '07700 900301', '22 Harbour View', 'Saltby', 'KQ9 1DE'),
    ('finch', 2, 'Colin Frost', 'colin.frost@mail.example', '07700 900317', '5 Quay Terrace', 'Saltby', 'KQ9 1JS'),
    ('finch', 3, 'Seabreeze Guest House', 'stay@seabreeze.example', '01632 960203', '40 The Parade', 'Saltby', 'KQ9 2QP');

insert into work (business, n, client, title, description, asked, booked, finished, ends, by_staff)
values
    ('bell', 1, 3, 'Electrical report, 8 Mill Bank', 'EICR for a two-bed flat, tenant is in after 10.', 41, 37, 37, 'done', false),
    ('bell', 2, 1, 'Replace consumer unit', 'Old board with rewirable fuses, 8 ways. Surge protection wanted.', 40, 35, 34, 'done', false),
    ('bell', 3, 5, 'Power for new coffee machine', '32 A supply from the board to the counter.', 38, 33, 33, 'done', true),
    ('bell', 4, 2, 'Kitchen lights flicker', 'Only when the oven is on.', 36, 34, 34, 'done', true),
    ('bell', 5, 8, 'EV charger on the drive', '7 kW, 12 m run from the board, isolator in the garage.', 35, 29, 28, 'done', false),
    ('bell', 6, 3, 'Make safe after leak, 21 Cross Street', 'Water through the ceiling rose.', 33, 33, 33, 'done', false),
    ('bell', 7, 10, 'Outside light with sensor', 'By the back gate.', 31, 27, 27, 'done', true),
    ('bell', 8, 7, 'Emergency lighting test', 'Yearly three-hour test and log book.', 30, 26, 26, 'done', false),
    ('bell', 9, 4, 'Rewire workshop', 'Armoured cable to the outbuilding, six double sockets, strip lights.', 29, 23, 20, 'done', false),
    ('bell', 10, 9, 'Bathroom fan and lights', 'Inline fan with timer; four downlights.', 27, 21, 21, 'done', true),
    ('bell', 11, 6, 'Two more sockets in the bedroom', null, 26, 20, 20, 'done', true),
    ('bell', 12, 3, 'Electrical report, 4 Tannery Yard', null, 24, 18, 18, 'done', false),
    ('bell', 13, 1, 'Garden lights', 'Low voltage, along the path.', 22, 15, 14, 'done', false),
    ('bell', 14, 5, 'Fire alarm panel fault', 'Shows a fault on zone 2.', 19, 17, 17, 'done', false),
    ('bell', 15, 2, 'Cooker circuit', 'New induction hob, 45 A.', 17, 12, 12, 'done', true),
    ('bell', 16, 9, 'Loft light and socket', null, 15, 9, 9, 'done', true),
    ('bell', 17, 8, 'Smart thermostat', 'Customer has bought it already.', 14, 8, 8, 'done', false),
    ('bell', 18, 7, 'Stage sockets', 'Two 16 A sockets by the stage.', 12, 5, 4, 'done', false),
    ('bell', 19, 3, 'Remedials, 8 Mill Bank', 'From the report: RCD protection and two cracked fronts.', 9, 3, 2, 'done', false),
    ('bell', 20, 6, 'Replace broken shower pull cord', null, 5, 1, 1, 'done', true),
    ('bell', 21, 4, 'Three-phase supply enquiry', 'Wants a kiln. Asked the network operator for a quote.', 25, null, null, 'lost', false),
    ('bell', 22, 10, 'Doorbell with camera', null, 16, 10, null, 'cancelled', false),
    ('bell', 23, 9, 'Kitchen extension first fix', 'Plans by e-mail. Starts when the roof is on.', 8, null, null, 'quoted', false),
    ('bell', 24, 2, 'Solar panels and battery', '4 kW on the south roof; asked about VAT at 0%.', 6, null, null, 'quoted', false),
    ('bell', 25, 1, 'EV charger', 'Same as the neighbour at number 16.', 6, 0, null, 'in_progress', false),
    ('bell', 26, 5, 'Extra sockets behind the counter', null, 4, 0, null, 'booked', true),
    ('bell', 27, 8, 'Replace six downlights', 'Dimmer hums.', 3, -2, null, 'booked', true),
    ('bell', 28, 4, 'Test and certificate for workshop', null, 2, -5, null, 'booked', false),
    ('bell', 29, 6, 'No power in the garage', 'Rang on Friday evening.', 1, null, null, 'enquiry', false),
    ('bell', 30, 10, 'Price for a rewire', 'Three-bed semi, lived in. Wants to know how long it takes.', 0, null, null, 'enquiry', false),
    ('finch', 1, 1, 'Leaking kitchen tap', null, 24, 23, 23, 'done', false),
    ('finch', 2, 3, 'Radiator cold in room 4', 'Guests from Thursday.', 20, 18, 18, 'done', false),
    ('finch', 3, 2, 'New outside tap', null, 13, 9, 9, 'done', false),
    ('finch', 4, 3, 'Shower pump, rooms 6 and 7', null, 8, 3, 3, 'done', false),
    ('finch', 5, 1, 'Boiler service', null, 4, -3, null, 'booked', false),
    ('finch', 6, 2, 'Bathroom refit', 'Bath out, walk-in shower in.', 1, null, null, 'enquiry', false);

insert into bill (business, n, work, lines, drafted, issued, sent, opened, paid)
values
    ('bell', 1, 1, 'labour|Electrical installation condition report, up to 8 circuits|1|165.00', 37, 37, 37, 36, '30|bank|rest'),
    ('bell', 2, 2, 'labour|Replace consumer unit, test and certify|7.5|48.00;materials|Metal board, 10 way, RCBOs and surge protection|1|286.40;other|Notify building control|1|8.50', 34, 34, 34, 34, '31|bank|rest'),
    ('bell', 3, 3, 'labour|Fit 32 A supply|3|48.00;materials|Cable, isolator, MCB|1|61.75', 33, 32, 32, 32, '25|bank|rest'),
    ('bell', 4, 4, 'labour|Find and mend loose neutral|1.25|48.00', 34, 33, 33, 31, '33|cash|rest'),
    ('bell', 5, 5, 'labour|Fit charger, run and terminate cable|6|48.00;materials|7 kW charger with cable|1|545.00;materials|6 mm armoured cable, isolator, gland kit|1|118.20', 28, 28, 28, 27, '24|bank|500.00;20|bank|rest'),
    ('bell', 6, 6, 'labour|Call-out and first hour|1|85.00;labour|Make safe and dry out fitting|0.5|48.00', 33, 32, 32, 32, '18|bank|rest'),
    ('bell', 7, 7, 'labour|Fit outside light|1.5|48.00;materials|LED bulkhead with sensor|1|32.60', 27, 26, 26, null, '26|cash|rest'),
    ('bell', 8, 8, 'labour|Three-hour emergency lighting test and log|4|48.00', 26, 26, 26, 24, '12|bank|rest'),
    ('bell', 9, 9, 'labour|Rewire workshop|18|48.00;materials|Armoured cable, 22 m|22|6.85;materials|Sub-board, sockets, strip lights|1|412.30;other|Skip share|1|60.00', 20, 20, 20, 19, '13|bank|800.00'),
    ('bell', 10, 10, 'labour|Fit inline fan and four downlights|5|48.00;materials|Fan, ducting, timer|1|94.15;materials|Fire-rated downlights|4|13.95', 21, 19, 19, 17, null),
    ('bell', 11, 11, 'labour|Two double sockets from the ring|2|48.00;materials|Sockets, back boxes, cable|1|27.40', 20, 18, 18, 18, '9|bank|rest'),
    ('bell', 12, 12, 'labour|Electrical installation condition report, up to 12 circuits|1|210.00', 18, 17, 17, 16, null),
    ('bell', 13, 13, 'labour|Fit path lights|4.5|48.00;materials|Low-voltage lights, transformer, cable|1|187.95', 14, 13, 13, 12, '6|bank|rest'),
    ('bell', 14, 14, 'labour|Find fault on zone 2, replace detector base|2|55.00;materials|Detector base and head|1|46.80', 17, 15, 15, null, null),
    ('bell', 15, 15, 'labour|New 45 A cooker circuit|3.75|48.00;materials|10 mm cable, switch, MCB|1|74.35', 12, 11, 11, 10, '2|bank|150.00'),
    ('bell', 16, 16, 'labour|Loft light and socket|2|48.00;materials|Fittings and cable|1|29.90', 9, 7, 7, 6, null),
    ('bell', 17, 17, 'labour|Fit thermostat supplied by customer|1.5|48.00', 8, 6, null, null, null),
    ('bell', 18, 18, 'labour|Two 16 A sockets by the stage|5.5|48.00;materials|Sockets, trunking, RCBOs|1|138.60', 4, 3, 3, 2, null),
    ('bell', 19, 19, 'labour|RCD protection and new fronts|2.5|48.00;materials|RCBOs|3|24.75;materials|Socket fronts|2|4.20', 2, null, null, null, null),
    ('finch', 1, 1, 'labour|Replace tap cartridge|1|55.00;materials|Cartridge|1|18.40', 23, 23, 23, 22, '21|bank|rest'),
    ('finch', 2, 2, 'labour|Balance system, replace valve|1.5|55.00;materials|Thermostatic valve|1|21.90', 18, 17, 17, 16, null),
    ('finch', 3, 3, 'labour|Fit outside tap|1.25|55.00;materials|Tap, check valve, pipe|1|26.35', 9, 8, 8, 8, '8|cash|rest'),
    ('finch', 4, 4, 'labour|Replace shower pump|2|55.00;materials|Twin pump, 2 bar|1|214.00', 2, null, null, null, null);

create function pg_temp.act(email text, at timestamptz) returns void
    language sql
as $$
    select
        set_config('request.jwt.claims', jsonb_build_object(
            'sub', p.user_id, 'role', 'authenticated', 'email', p.email, 'session_id', p.session_id, 'aal', 'aal1'
        )::text, false),
        set_config('tf.moment', least(act.at, now())::text, false)
    from person as p
    where p.email = act.email
$$;
comment on function pg_temp.act(text, timestamptz) is 'From here on: this person, at that moment.';

create function pg_temp.lines(words text, rate int) returns jsonb
    language sql
as $$
    select jsonb_agg(
        jsonb_build_object(
            'kind', split_part(line, '|', 1),
            'description', split_part(line, '|', 2),
            'quantity_milli', (split_part(line, '|', 3)::numeric * 1000)::bigint,
            'unit_pence', (split_part(line, '|', 4)::numeric * 100)::bigint,
            'vat_rate_bp', rate
        )
        order by place
    )
    from string_to_table(words, ';') with ordinality as given (line, place)
$$;

create function pg_temp.pay(invoice public.invoices, words text, at timestamptz) returns void
    language sql
as $$
    insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
    select
        invoice.account_id,
        invoice.id,
        case split_part(words, '|', 3)
            when 'rest' then invoice.total_pence - invoice.paid_pence
            else (split_part(words, '|', 3)::numeric * 100)::bigint
        end,
        split_part(words, '|', 2),
        least(at, now())
$$;

create function pg_temp.rang_at(job pg_temp.work) returns interval
    language sql
as $$
    -- Early when the work was done the same day, else at some time between ten and five.
    select case
        when job.asked = job.booked then interval '7 hours' + make_interval(mins => job.n * 2)
        else interval '10 hours' + make_interval(mins => job.n * 37 % 420)
    end
$$;

create function pg_temp.play(the_business text, account uuid, owner_email text, staff_email text, rate int) returns void
    language plpgsql
as $$
declare
    step record;
    job pg_temp.work;
    bill pg_temp.bill;
    who pg_temp.client;
    invoice public.invoices;
    made jsonb;
    link record;
    midnight timestamptz := date_trunc('day', now() at time zone 'Europe/London') at time zone 'Europe/London';
begin
    -- Everything in the order in which it happened, so that numbers and the audit trail run with time.
    for step in
        select w.n as work, null::int as bill, 'ask' as act, midnight - make_interval(days => w.asked) + pg_temp.rang_at(w) as at
        from pg_temp.work as w where w.business = the_business
        union all
        select w.n, null, 'quote', midnight - make_interval(days => w.asked - 1) + time '17:20'
        from pg_temp.work as w where w.business = the_business and w.ends in ('quoted', 'lost')
        union all
        select w.n, null, 'book', midnight - make_interval(days => w.asked) + pg_temp.rang_at(w) + interval '1 minute'
        from pg_temp.work as w where w.business = the_business and w.booked is not null
        union all
        select w.n, null, 'begin', midnight - make_interval(days => w.booked) + time '08:30' + make_interval(mins => w.n)
        from pg_temp.work as w where w.business = the_business and w.booked >= 0 and w.ends in ('done', 'in_progress')
        union all
        select w.n, null, 'finish', midnight - make_interval(days => w.finished) + time '16:05' + make_interval(mins => w.n)
        from pg_temp.work as w where w.business = the_business and w.finished is not null
        union all
        select w.n, null, w.ends, midnight - make_interval(days => w.asked - 4) + time '12:00'
        from pg_temp.work as w where w.business = the_business and w.ends in ('lost', 'cancelled')
        union all
        select b.work, b.n, 'draft', midnight - make_interval(days => b.drafted) + time '17:40' + make_interval(mins => b.n)
        from pg_temp.bill as b where b.business = the_business
        union all
        select b.work, b.n, 'issue', midnight - make_interval(days => b.issued) + time '18:30' + make_interval(mins => b.n)
        from pg_temp.bill as b where b.business = the_business and b.issued is not null
        union all
        select b.work, b.n, 'send', midnight - make_interval(days => b.sent) + time '18:31' + make_interval(mins => b.n)
        from pg_temp.bill as b where b.business = the_business and b.sent is not null
        union all
        select b.work, b.n, 'open', midnight - make_interval(days => b.opened) + time '19:50' + make_interval(mins => b.n)
        from pg_temp.bill as b where b.business = the_business and b.opened is not null
        union all
        select b.work, b.n, paid.words, midnight - make_interval(days => split_part(paid.words, '|', 1)::int) + time '20:15' + make_interval(mins => b.n)
        from pg_temp.bill as b, string_to_table(b.paid, ';') as paid (words) where b.business = the_business
        order by at
    loop
        select * into strict job from pg_temp.work as w where w.business = the_business and w.n = step.work;
        select * into bill from pg_temp.bill as b where b.business = the_business and b.n = step.bill;
        select * into strict who from pg_temp.client as c where c.business = the_business and c.n = job.client;
        perform pg_temp.act(case when job.by_staff and step.act in ('book', 'begin', 'finish') then staff_email else owner_email end, step.at);

        case
            when step.act = 'ask' then
                made := public.create_job(
                    account, gen_random_uuid(),
                    jsonb_build_object('title', job.title, 'description', job.description) || coalesce(
                        (
                            select jsonb_build_object('customer_id', s.customer_id, 'site_id', s.id)
                            from public.sites as s
                            join public.customers as c on c.account_id = s.account_id and c.id = s.customer_id
                            where c.account_id = account and c.name = who.name
                        ),
                        '{}'
                    ),
                    jsonb_build_object('name', who.name, 'email', who.email, 'phone', who.phone),
                    jsonb_build_object('address_line_1', who.line_1, 'town', who.town, 'postcode', who.postcode)
                );
                update pg_temp.work as w set job_id = (made ->> 'job_id')::uuid where w.business = the_business and w.n = job.n;
                if job.by_staff then
                    perform public.change_job_members(
                        account, (made ->> 'job_id')::uuid,
                        array(select m.id from public.members as m where m.account_id = account and m.email = staff_email), '{}'
                    );
                end if;
            when step.act = 'quote' then
                perform public.move_job(account, job.job_id, 'quoted');
            when step.act = 'book' then
                update public.jobs as j
                set state = 'booked', booked_on = (midnight - make_interval(days => job.booked))::date
                where j.account_id = account and j.id = job.job_id;
            when step.act = 'begin' then
                perform public.move_job(account, job.job_id, 'in_progress');
            when step.act = 'finish' then
                perform public.move_job(account, job.job_id, 'done');
            when step.act in ('lost', 'cancelled') then
                perform public.move_job(account, job.job_id, step.act);
            when step.act = 'draft' then
                made := public.save_invoice(
                    account, null, gen_random_uuid(),
                    jsonb_build_object('job_id', job.job_id, 'supplied_on', (midnight - make_interval(days => job.finished))::date),
                    pg_temp.lines(bill.lines, rate)
                );
                update pg_temp.bill as b set invoice_id = (made ->> 'invoice_id')::uuid where b.business = the_business and b.n = bill.n;
            when step.act = 'issue' then
                select * into strict invoice from public.invoices as i where i.account_id = account and i.id = bill.invoice_id;
                perform public.issue_invoice(account, bill.invoice_id, invoice.total_pence, gen_random_uuid());
            when step.act = 'send' then
                -- There is no PDF to send: files can't be made in SQL. The app makes each one when it is first asked for.
                link := private.mint_portal_link(account, bill.invoice_id, coalesce(who.email, 'by.hand@mail.example'));
                update public.invoices as i set sent_at = private.moment() where i.account_id = account and i.id = bill.invoice_id;
            when step.act = 'open' then
                perform set_config('request.jwt.claims', '', false);
                perform private.act_as('customer', null, who.name);
                update public.portal_links as l set first_viewed_at = private.moment()
                where l.account_id = account and l.invoice_id = bill.invoice_id and l.first_viewed_at is null;
                perform set_config('tf.actor', '', true);
            else
                select * into strict invoice from public.invoices as i where i.account_id = account and i.id = bill.invoice_id;
                perform pg_temp.pay(invoice, step.act, step.at);
        end case;
    end loop;
end
$$;

do $$
declare
    bell uuid;
    finch uuid;
begin
    perform pg_temp.act('owner@belllane.example', now() - interval '44 days');
    bell := public.open_account('Bell Lane Electrical', 'electrician', true, 'GB 999 9999 73', 'Sam Adeyemi', gen_random_uuid());
    update public.accounts as a
    set phone = '07700 900100', address_line_1 = '4 Bell Lane', town = 'Kelsworth', postcode = 'KQ1 3BL'
    where a.id = bell;
    insert into public.members (account_id, user_id, role_id, display_name, email)
    select bell, p.user_id, r.id, p.name, p.email
    from pg_temp.person as p
    join public.roles as r on r.account_id = bell and r.key = 'staff'
    where p.email = 'jess@belllane.example';
    perform pg_temp.play('bell', bell, 'owner@belllane.example', 'jess@belllane.example', 2000);

    perform pg_temp.act('owner@finchplumbing.example', now() - interval '26 days');
    finch := public.open_account('Finch Plumbing', 'plumber', false, null, 'Robin Finch', gen_random_uuid());
    update public.accounts as a
    set phone = '07700 900300', address_line_1 = '11 Rope Walk', town = 'Saltby', postcode = 'KQ9 1AB'
    where a.id = finch;
    perform pg_temp.play('finch', finch, 'owner@finchplumbing.example', 'owner@finchplumbing.example', null);
end
$$;

select set_config('request.jwt.claims', '', false), set_config('tf.moment', '', false);
delete from auth.sessions as s using person as p where s.id = p.session_id;
drop function pg_temp.play, pg_temp.rang_at, pg_temp.pay, pg_temp.lines, pg_temp.act;
drop table person, client, work, bill;
