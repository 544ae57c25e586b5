import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchChromium } from '../support/chromium.ts'
import { walkByKeyboard } from '../support/keyboard.ts'
import { chromium, describePages } from '../support/pages.ts'

describePages('the check that the keyboard reaches what the mouse does', () => {
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    browser = await launchChromium(chromium)
    page = await browser.newPage()
  })
  afterAll(() => browser?.close())

  const walk = async (body: string) => {
    await page.setContent(`<!doctype html><title>A page</title>${body}`)
    return (await walkByKeyboard(page)).findings
  }
  const tabs = (script: string) => `<div role=tablist id=list>
    <button role=tab>One</button><button role=tab tabindex=-1>Two</button></div>
    <script>const tabs = [...list.children]; list.onkeydown = ({ key }) => { ${script} }</script>`

  test.for([
    ['links, buttons and fields', '<a href="#a">A</a><button>B</button><label>C<input></label>'],
    ['a row that has a link in it', '<div style="cursor: pointer"><a href="#a">A</a></div>'],
    ['what is off or hidden', '<a href="#a">A</a><button disabled>B</button><b hidden>C</b>'],
    ['radio buttons', '<input type=radio name=r checked><input type=radio name=r>'],
    ['tabs that arrows go through', tabs("if (key === 'ArrowRight') tabs[1].focus()")],
    ['nothing to use', '<p>Words</p>'],
  ] as const)('%s: there is no finding', async ([, body]) => {
    expect(await walk(body)).toEqual([])
  })

  test.for([
    ['the mouse can use it', '<div style="cursor: pointer">A</div><a href="#b">B</a>'],
    ['the mouse can use it', '<div onclick="1">A</div><a href="#b">B</a>'],
    ['the mouse can use it', '<div role=button>A</div>'],
    ['the mouse can use it', '<button tabindex=-1>A</button><button>B</button>'],
    ['the mouse can use it', tabs('')],
    ['tabindex is positive', '<button tabindex=2>A</button><button>B</button>'],
    ['no ring', '<button style="outline: none">A</button><button>B</button>'],
    ['out of sight', '<button style="position: fixed; left: -999px">A</button><button>B</button>'],
    ['Tab is held by', '<button onkeydown="event.preventDefault()">A</button><button>B</button>'],
    [
      'the mouse can use it',
      `<button id=a>A</button><button onkeydown="a.focus(); event.preventDefault()">B</button>
       <button>Behind the trap</button>`,
    ],
  ] as const)('it finds: %s: %s', async ([finding, body]) => {
    const findings = await walk(body)
    expect(findings.join('\n')).toContain(finding)
  })
})
