#!/usr/bin/python3
"""Windows of WebKitGTK for the journeys: opens them, sizes them, and gives them the events of a mouse and a keyboard.

Reads commands as lines of JSON and answers each with a line. What is in a page is driven through WebKit's inspector, not from here.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import gi


def open_screen():
    """Starts a screen for these windows alone; it ends with this program, which ends when nobody gives it commands any more."""
    told, tells = os.pipe()
    arguments = ['Xvfb', '-displayfd', str(tells), '-screen', '0', '1920x1200x24', '-nolisten', 'tcp']
    screen = subprocess.Popen(arguments, pass_fds=[tells], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(tells)
    os.environ['DISPLAY'] = ':' + os.read(told, 16).decode().strip()
    return screen


screen = open_screen()

gi.require_version('Gtk', '3.0')
gi.require_version('Gdk', '3.0')
gi.require_version('WebKit2', '4.1')
from gi.repository import Gdk, GLib, Gtk, WebKit2  # noqa: E402

contexts = {}
pages = {}
kept = []  # folders that are removed at the end
clock = 1000  # events carry a time of their own, so that clicks are as far apart as the journey says and not as the machine is fast
NAMED = {
    'Enter': 'Return', 'Backspace': 'BackSpace', 'ArrowUp': 'Up', 'ArrowDown': 'Down', 'ArrowLeft': 'Left', 'ArrowRight': 'Right',
    'PageUp': 'Page_Up', 'PageDown': 'Page_Down', 'Shift': 'Shift_L', 'Control': 'Control_L', 'Alt': 'Alt_L', 'Meta': 'Super_L',
    ' ': 'space',
}
MODIFIERS = {
    'Shift': Gdk.ModifierType.SHIFT_MASK,
    'Control': Gdk.ModifierType.CONTROL_MASK,
    'Alt': Gdk.ModifierType.MOD1_MASK,
    'Meta': Gdk.ModifierType.SUPER_MASK,
}
BUTTONS = {'left': 1, 'middle': 2, 'right': 3}
HELD = {'left': Gdk.ModifierType.BUTTON1_MASK, 'middle': Gdk.ModifierType.BUTTON2_MASK, 'right': Gdk.ModifierType.BUTTON3_MASK}


def tell(message):
    sys.stdout.write(json.dumps(message) + '\n')
    sys.stdout.flush()


def new_window(view, page, width, height):
    settings = view.get_settings()
    settings.set_enable_developer_extras(True)
    settings.set_enable_page_cache(False)  # the inspector does not reach a page that comes back from it
    settings.set_javascript_can_access_clipboard(True)
    settings.set_javascript_can_open_windows_automatically(True)
    settings.set_enable_smooth_scrolling(False)  # a turn of the wheel moves at once, so that a journey can measure it
    settings.set_hardware_acceleration_policy(WebKit2.HardwareAccelerationPolicy.NEVER)
    window = Gtk.Window()
    window.set_decorated(False)
    window.set_default_size(width, height)
    window.add(view)
    view.connect('close', lambda _: close(page))
    view.connect('create', opened, page)
    view.connect('permission-request', lambda _, request: (request.allow(), True)[1])
    view.connect('script-dialog', answered)
    pages[page] = (view, window)
    window.connect('map-event', lambda *_: focus(page) and False)
    window.show_all()


def focus(page):
    """Gives a window the keyboard, as a click into it would, and waits until it knows: WebKit shows nothing as hovered elsewhere."""
    view, window = pages[page]
    view.grab_focus()
    if window.is_active():
        return view
    window.get_window().focus(Gdk.CURRENT_TIME)
    until = time.monotonic() + 2
    while not window.is_active() and time.monotonic() < until:
        Gtk.main_iteration_do(False)
    return view


def answered(_view, dialog):
    if dialog.get_dialog_type() == WebKit2.ScriptDialogType.BEFORE_UNLOAD_CONFIRM:
        dialog.confirm_set_confirmed(True)
        return True
    return False


def opened(view, _action, opener):
    page = f'{opener}+{len(pages)}'
    new = WebKit2.WebView.new_with_related_view(view)
    new_window(new, page, 1280, 800)
    return new


def close(page):
    _view, window = pages.pop(page, (None, None))
    if window:
        window.destroy()


def event_on(view, kind, part, modifiers, buttons=()):
    event = Gdk.Event.new(kind)
    fields = getattr(event, part)
    fields.window = view.get_window()
    fields.send_event = True
    fields.time = clock
    state = Gdk.ModifierType(0)
    for name in modifiers:
        state |= MODIFIERS.get(name, 0)
    for name in buttons:
        state |= HELD[name]
    fields.state = state
    seat = view.get_display().get_default_seat()
    device = seat.get_keyboard() if part == 'key' else seat.get_pointer()
    event.set_device(device)
    event.set_source_device(device)
    return event, fields


def place(fields, x, y):
    fields.x = fields.x_root = x
    fields.y = fields.y_root = y


def notch(length):
    """How many pixels WebKitGTK scrolls for one notch of a wheel, which depends on how long the view is."""
    return length ** (2 / 3)


def context(told):
    made = WebKit2.WebContext.new_ephemeral()
    made.set_cache_model(WebKit2.CacheModel.WEB_BROWSER)
    made.set_preferred_languages([told['locale']])
    made.connect('download-started', downloaded)
    contexts[told['context']] = made


def downloaded(_context, download):
    """Keeps what a page downloads in a file of its own, and tells of it when it is whole."""
    names = [name for name, (view, _) in pages.items() if view == download.get_web_view()]
    folder = tempfile.TemporaryDirectory(prefix='aichat-download-')
    kept.append(folder)
    path = os.path.join(folder.name, 'file')
    suggested = []

    def decide(_download, name):
        suggested.append(name)
        download.set_destination('file://' + path)
        return True

    download.connect('decide-destination', decide)
    download.connect('finished', lambda _: tell({'download': names[0] if names else '', 'name': suggested[0], 'path': path}))


def page(told):
    view = WebKit2.WebView.new_with_context(contexts[told['context']])
    new_window(view, told['page'], told['width'], told['height'])
    view.load_uri('about:blank#' + told['page'])
    while view.is_loading():
        Gtk.main_iteration()


def size(told):
    _view, window = pages[told['page']]
    window.resize(told['width'], told['height'])


def offline(told):
    manager = contexts[told['context']].get_website_data_manager()
    if told['on']:
        nowhere = WebKit2.NetworkProxySettings.new('http://127.0.0.1:1', [])
        manager.set_network_proxy_settings(WebKit2.NetworkProxyMode.CUSTOM, nowhere)
    else:
        manager.set_network_proxy_settings(WebKit2.NetworkProxyMode.NO_PROXY, None)


def end(told):
    for name in [name for name in pages if name.split('.')[0] == told['context']]:
        close(name)
    contexts.pop(told['context'], None)


def mouse(told):
    global clock
    view = focus(told['page'])
    if told['type'] == 'move':
        clock += 5
        event, fields = event_on(view, Gdk.EventType.MOTION_NOTIFY, 'motion', told['modifiers'], told['buttons'])
    elif told['type'] == 'wheel':
        clock += 20
        event, fields = event_on(view, Gdk.EventType.SCROLL, 'scroll', told['modifiers'])
        fields.direction = Gdk.ScrollDirection.SMOOTH
        fields.delta_x = told['dx'] / notch(view.get_allocated_width())
        fields.delta_y = told['dy'] / notch(view.get_allocated_height())
    else:
        pressed = told['type'] == 'down'
        clock += 1000 if pressed and told['count'] < 2 else 20
        kind = Gdk.EventType.BUTTON_PRESS if pressed else Gdk.EventType.BUTTON_RELEASE
        held = [] if pressed else [told['button']]
        event, fields = event_on(view, kind, 'button', told['modifiers'], held)
        fields.button = BUTTONS[told['button']]
    place(fields, told['x'], told['y'])
    Gtk.main_do_event(event)


def key(told):
    global clock
    view = focus(told['page'])
    clock += 20
    name = told['key']
    keyval = Gdk.unicode_to_keyval(ord(name)) if len(name) == 1 else Gdk.keyval_from_name(NAMED.get(name, name))
    found, entries = Gdk.Keymap.get_for_display(view.get_display()).get_entries_for_keyval(keyval)
    modifiers = list(told['modifiers'])
    if found and entries and entries[0].level == 1 and 'Shift' not in modifiers:
        modifiers.append('Shift')  # as on a keyboard of this layout
    pressed = told['type'] == 'down'
    # The state of an event is what was held before it.
    if pressed and name in modifiers:
        modifiers.remove(name)
    event, fields = event_on(view, Gdk.EventType.KEY_PRESS if pressed else Gdk.EventType.KEY_RELEASE, 'key', modifiers)
    fields.keyval = keyval
    fields.hardware_keycode = entries[0].keycode if found and entries else 0
    fields.group = 0
    Gtk.main_do_event(event)


COMMANDS = {
    'context': context, 'page': page, 'size': size, 'offline': offline, 'end': end, 'mouse': mouse, 'key': key,
    'close': lambda told: close(told['page']),
}


lines = []  # read and not yet obeyed
rest = b''
obeying = False


def read(source, _condition):
    global rest, obeying
    piece = os.read(source, 65536)
    if not piece:
        Gtk.main_quit()
        return False
    *whole, rest = (rest + piece).split(b'\n')
    lines.extend(whole)
    if obeying:  # a command that waits for its window lets this be called
        return True
    obeying = True
    while lines:
        obey(json.loads(lines.pop(0)))
    obeying = False
    return True


def obey(told):
    try:
        COMMANDS[told['do']](told)
        tell({'id': told['id']})
    except Exception as error:  # the journey gets it
        tell({'id': told['id'], 'error': repr(error)})


GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, sys.stdin.fileno(), GLib.IOCondition.IN | GLib.IOCondition.HUP, read)
tell({'ready': True})
try:
    Gtk.main()
finally:
    screen.kill()
