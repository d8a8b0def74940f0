"""My device: one page on which the person at a machine sees everything that the agent knows, did and sent.

Pure: values of the views come in, one HTML document goes out. No script, no picture, no font, no address that a browser
would fetch by itself; every text is escaped, and what would hide or turn text is made visible. `page.device_page` is
the entry; each section of the page has a file. The words are gettext messages of the domain `device-page`
(scripts/notice_catalogues).
"""
