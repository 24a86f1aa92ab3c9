import { beforeEach } from 'vitest'
import { engine } from './engines'

/**
 * Journeys that are not green in an engine, and of which it is not known whether the page or the driver is the reason. What a driver is
 * known to lack is said beside the journey (`needs`). They are counted as skipped; this list is to become empty.
 */
const notYet: Partial<Record<typeof engine, readonly string[]>> = {
  firefox: [
    'notifies of an answer in the background once that is switched on, and opens it',
    'prints the whole chat without the controls around it',
    'folds long code when it is complete as after a reload, and draws one’s own Markdown only when asked to',
    'answers in eight tabs at once, although a browser opens six connections',
  ],
  webkit: [
    'moves what is seen by the wheel alone while turns come in from above, and far ones leave',
    'draws the end of a long answer first, and returns to a place in its middle',
    'stops, says so, and retries in place',
    'queues the next message while an answer is written',
    'renames and deletes chats, and undoes it',
    'offers every model in the picker and a hundred at a time in the settings',
    'draws a diagram in its sandbox, again after a reload, and asks nobody else',
    'shows all kept versions of an answer',
    'records a request when asked to, and shows, saves and deletes the trace',
    'finds a trace, reads its events, saves and deletes it',
    'shows the picture that an administrator gives the assistant',
  ],
}

beforeEach((context) => {
  if (notYet[engine]?.includes(context.task.name)) context.skip(`not green in ${engine} yet`)
})
