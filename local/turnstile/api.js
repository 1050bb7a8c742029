// The script that a page loads to show the widget, with the interface that is published for it ("Embed the widget", "Widget
// configurations"). What the stand-in has not it refuses by an error that says so. Served as /turnstile/v0/api.js.
(() => {
    const script = document.currentScript;
    const address = new URL(script.src);
    const widgets = new Map();
    let made = 0;

    const SIZES = { normal: ['300px', '65px'], flexible: ['100%', '65px'], compact: ['150px', '140px'] };
    /** Every published parameter; those with a list take only these values here. */
    const PARAMETERS = {
        sitekey: null,
        action: null,
        cData: null,
        theme: ['auto', 'light', 'dark'],
        language: null,
        tabindex: null,
        size: Object.keys(SIZES),
        callback: null,
        'error-callback': null,
        'expired-callback': null,
        'timeout-callback': null,
        'response-field': null,
        'response-field-name': null,
        appearance: ['always'],
        execution: ['render'],
        retry: ['auto'],
        'retry-interval': null,
        'refresh-expired': ['auto'],
        'refresh-timeout': ['auto']
    };

    function refuse(sentence) {
        throw new Error(`[Turnstile stand-in] ${sentence}`);
    }

    function checked(given) {
        for (const [name, value] of Object.entries(given)) {
            if (!(name in PARAMETERS)) refuse(`There is no parameter "${name}".`);
            const values = PARAMETERS[name];
            if (values && !values.includes(value)) refuse(`It has no ${name} "${value}".`);
        }
        if (!given.sitekey) refuse('A widget needs a sitekey.');
        for (const [name, most] of [
            ['action', 32],
            ['cData', 255]
        ]) {
            const value = given[name] ?? '';
            if (value.length > most || !/^[\w-]*$/.test(value)) refuse(`This can be no ${name}: "${value}".`);
        }
        return given;
    }

    /** Attributes name functions of the window; parameters hold them. */
    function call(handler, ...values) {
        const known = typeof handler === 'string' ? window[handler] : handler;
        if (typeof known === 'function') known(...values);
    }

    function find(which) {
        if (widgets.has(which)) return widgets.get(which);
        const element = typeof which === 'string' ? document.querySelector(which) : which;
        return [...widgets.values()].find(({ container }) => !which || container === element);
    }

    function tell(widget) {
        const { sitekey, action = '', cData = '', theme = 'auto', language = 'auto' } = widget.parameters;
        widget.frame.contentWindow.postMessage(
            { turnstile: 'show', id: widget.id, sitekey, action, cData, theme, language },
            address.origin
        );
    }

    function render(where, given) {
        const container = typeof where === 'string' ? document.querySelector(where) : where;
        if (!container) refuse(`There is no element ${where}.`);
        const parameters = checked(given ?? {});
        const id = `cf-chl-widget-${(made += 1)}`;
        const frame = document.createElement('iframe');
        frame.src = `${address.origin}/turnstile/v0/widget`;
        frame.title = 'Widget containing a Cloudflare security challenge (stand-in)';
        frame.tabIndex = Number(parameters.tabindex ?? 0);
        [frame.style.width, frame.style.height] = SIZES[parameters.size ?? 'normal'];
        frame.style.border = '0';
        frame.style.display = 'block';
        frame.style.minWidth = parameters.size === 'compact' ? '' : '300px';
        const field = document.createElement('input');
        field.type = 'hidden';
        field.name = parameters['response-field-name'] ?? 'cf-turnstile-response';
        const widget = { id, container, frame, field, parameters, expired: false };
        frame.addEventListener('load', () => tell(widget));
        container.append(frame, ...(String(parameters['response-field']) === 'false' ? [] : [field]));
        widgets.set(id, widget);
        return id;
    }

    const asked = (which) => find(which) ?? refuse('There is no such widget.');

    window.addEventListener('message', ({ origin, source, data }) => {
        if (origin !== address.origin) return;
        const widget = [...widgets.values()].find(({ frame }) => frame.contentWindow === source);
        if (!widget) return;
        const { parameters, field, frame } = widget;
        if (data.turnstile === 'hidden') frame.style.display = 'none';
        if (data.turnstile === 'solved') {
            field.value = data.token;
            widget.expired = false;
            call(parameters.callback, data.token);
        }
        if (data.turnstile === 'expired') {
            field.value = '';
            widget.expired = true;
            call(parameters['expired-callback']);
        }
        if (data.turnstile === 'failed') call(parameters['error-callback'], data.code);
    });

    const isExplicit = address.searchParams.get('render') === 'explicit';

    window.turnstile = {
        render,
        ready: (callback) =>
            document.readyState === 'loading'
                ? document.addEventListener('DOMContentLoaded', () => callback())
                : callback(),
        reset: (which) => {
            const widget = asked(which);
            widget.field.value = '';
            widget.expired = false;
            tell(widget);
        },
        remove: (which) => {
            const widget = asked(which);
            widget.frame.remove();
            widget.field.remove();
            widgets.delete(widget.id);
        },
        getResponse: (which) => asked(which).field.value || undefined,
        isExpired: (which) => asked(which).expired,
        execute: () => refuse('It runs each challenge when it is shown; execute() is not there.')
    };

    /** What an element says in data-… attributes is what a parameter says. */
    function parametersOf({ dataset, attributes }) {
        const given = {};
        for (const { name } of attributes) {
            if (!name.startsWith('data-')) continue;
            const parameter = name.slice('data-'.length);
            const key = parameter.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
            given[parameter === 'cdata' ? 'cData' : parameter] = dataset[key];
        }
        return given;
    }

    function renderAll() {
        for (const element of document.querySelectorAll('.cf-turnstile')) {
            if (element.childElementCount === 0) render(element, parametersOf(element));
        }
    }

    window.turnstile.ready(() => {
        const onload = address.searchParams.get('onload');
        if (onload) call(onload);
        if (!isExplicit) renderAll();
    });
})();
