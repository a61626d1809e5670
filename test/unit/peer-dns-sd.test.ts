/** DNS-SD: what is told of a node, and how names are shared out, on networks in memory. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SILENT } from '../../src/app/message.ts';
import { PublicKey } from '../../src/keys/public-key.ts';
import { Publication } from '../../src/peers/dns-sd/publication.ts';
import { answersTo, instanceName, recordsOf, rivalIn, type Service } from '../../src/peers/dns-sd/service.ts';
import { peerIdOf } from '../../src/peers/peer.ts';
import type { Mdns, MdnsEvents, MdnsQuery, MdnsRecord } from '../../src/platform/types.ts';
import { Counters } from '../../src/sealed/counters.ts';
import { Journal } from '../support/journal.ts';

const TYPE = '_sotto._tcp.local';
const ADDRESS = '10.1.1.1';
const WHERE = { name: 'eth0', address: ADDRESS };

function service(number: number, about: Partial<Service> = {}): Service {
  const id = peerIdOf(PublicKey.from(new Uint8Array(32).fill(number)));
  return { id, user: 'ada', hostname: 'desk', port: 57_000 + number, ...about };
}

/** The one whose id is less, and the other. */
const [LESSER, GREATER] = [service(1), service(2)].sort((left, right) => (left.id < right.id ? -1 : 1)) as [
  Service,
  Service,
];

/** What is said on one network, heard by all at once, and by who says it. */
class Lan implements Mdns {
  readonly said = new Journal<{ readonly records: readonly MdnsRecord[] }>();
  readonly queries = new Journal<MdnsQuery>();
  readonly all = new Set<MdnsEvents>();

  bind(_where: object, events: MdnsEvents): ReturnType<Mdns['bind']> {
    this.all.add(events);
    return Promise.resolve({
      query: ({ questions, claimed }) => this.ask({ questions, claimed, known: [] }),
      answer: (records) => this.say(records),
      close: () => Promise.resolve(void this.all.delete(events)),
    });
  }

  say(records: readonly MdnsRecord[]): void {
    this.said.add({ records });
    for (const { onAnswer } of [...this.all]) onAnswer(records);
  }

  ask(query: MdnsQuery): void {
    this.queries.add(query);
    for (const { onQuery } of [...this.all]) onQuery(query, (records) => this.say(records));
  }

  /** Somebody tells that this is its name. */
  async tells({ port }: Service, instance: string, since = 0): Promise<void> {
    const { entries } = this.said;
    await this.said.until(
      `${instance} at ${port}`,
      (each) =>
        entries.indexOf(each) >= since &&
        each.records.some(
          (record) =>
            record.type === 'SRV' &&
            record.ttl > 0 &&
            record.data.port === port &&
            record.name === `${instance}.${TYPE}`,
        ),
    );
  }
}

function publish(own: Service, mdns: Mdns, counters: Counters = new Counters()): Publication {
  return new Publication({ service: own, mdns, counters, log: SILENT });
}

describe('records', () => {
  const own = recordsOf(LESSER, `ada@desk.${TYPE}`, ADDRESS);
  const types = (name: string, type: string, known: readonly MdnsRecord[] = []): string[] =>
    answersTo([{ name, type }], known, own).map((record) => record.type);

  test('a name fits into one label, whatever it is made of, and its number with it', () => {
    assert.equal(instanceName({ user: 'ada', hostname: 'desk.lan' }, 1), `ada@desk-lan.${TYPE}`);
    assert.equal(instanceName({ user: 'ada', hostname: '' }, 3), `ada (3).${TYPE}`);
    assert.equal(instanceName({ user: '\u0007', hostname: '' }, 1), `sotto.${TYPE}`);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 99 }), (user, number) => {
        const name = instanceName({ user, hostname: user }, number).slice(0, -TYPE.length - 1);
        assert.ok(Buffer.byteLength(name) <= 63 && !name.includes('.'));
        assert.equal(name.endsWith(` (${number})`), number > 1);
        assert.ok(!name.includes('\ufffd') || user.includes('\ufffd'));
      }),
    );
  });

  test('who asks for one gets what it would ask for next, and nothing that it knows', () => {
    assert.deepEqual(types('_SOTTO._tcp.local', 'PTR'), ['PTR', 'SRV', 'TXT', 'A']);
    assert.deepEqual(types('_services._dns-sd._udp.local', 'PTR'), ['PTR']);
    assert.deepEqual(types(`ada@desk.${TYPE}`, 'SRV'), ['SRV', 'A']);
    assert.deepEqual(types(`ada@desk.${TYPE}`, 'TXT'), ['TXT']);
    assert.deepEqual(types(`ada@desk.${TYPE}`, 'ANY'), ['SRV', 'TXT', 'A']);
    assert.deepEqual(types('_http._tcp.local', 'PTR'), []);
    assert.deepEqual(types(TYPE, 'PTR', own), []);
    const old = own.map((record) => ({ ...record, ttl: Math.floor(record.ttl / 2) - 1 }));
    assert.deepEqual(types(TYPE, 'PTR', old), ['PTR', 'SRV', 'TXT', 'A']);
  });

  test('whose a record is shows by its id, and what is taken back is nobody’s', () => {
    const instance = `ada@desk.${TYPE}`;
    const others = recordsOf(GREATER, instance.toUpperCase(), ADDRESS);
    assert.equal(rivalIn(own, instance, LESSER), null);
    assert.equal(rivalIn(others, instance, LESSER), GREATER.id.slice(0, 16));
    const foreign: MdnsRecord = { name: instance, type: 'TXT', ttl: 1, data: ['colour=blue'] };
    assert.equal(rivalIn([foreign], instance, LESSER), '');
    assert.equal(rivalIn([{ ...foreign, ttl: 0 }], instance, LESSER), null);
    assert.equal(rivalIn(others, `ada@desk (2).${TYPE}`, LESSER), null);
  });
});

describe('publishing', { concurrency: true }, () => {
  test('a name is asked for three times, then told; goodbye says nothing of what others tell too', async () => {
    const lan = new Lan();
    const ada = publish(LESSER, lan);
    await ada.follow([WHERE]);
    await lan.tells(LESSER, 'ada@desk');
    assert.deepEqual(
      lan.queries.entries.map(({ questions, claimed }) => [questions, claimed.map(({ type }) => type)]),
      Array(3).fill([[{ name: `ada@desk.${TYPE}`, type: 'ANY' }], ['SRV', 'TXT']]),
    );
    await ada.close();
    const last = lan.said.entries.at(-1)?.records ?? [];
    assert.deepEqual(
      last.map(({ type, ttl }) => [type, ttl]),
      [
        ['PTR', 0],
        ['SRV', 0],
        ['TXT', 0],
        ['A', 0],
      ],
    );
    assert.equal(lan.all.size, 0);
  });

  test('who was there first keeps its name, and its bye takes back no other’s', async () => {
    const lan = new Lan();
    const [first, second] = [publish(LESSER, lan), publish(GREATER, lan)];
    await first.follow([WHERE]);
    await lan.tells(LESSER, 'ada@desk');
    await second.follow([WHERE]);
    await lan.tells(GREATER, 'ada@desk (2)');
    await second.close();
    const gone = lan.said.entries.at(-1)?.records.map(({ name }) => name) ?? [];
    assert.ok(gone.includes(`ada@desk (2).${TYPE}`) && !gone.includes(`ada@desk.${TYPE}`));
    await first.close();
  });

  test('of two that begin at once, and of two whose networks are joined, the greater id has the name', async () => {
    const lan = new Lan();
    const both = [publish(LESSER, lan), publish(GREATER, lan)];
    await Promise.all(both.map((each) => each.follow([WHERE])));
    await Promise.all([lan.tells(GREATER, 'ada@desk'), lan.tells(LESSER, 'ada@desk (2)')]);
    await Promise.all(both.map((each) => each.close()));

    const [left, right] = [new Lan(), new Lan()];
    const [lesser, greater] = [publish(LESSER, left), publish(GREATER, right)];
    await Promise.all([lesser.follow([WHERE]), greater.follow([WHERE])]);
    await Promise.all([left.tells(LESSER, 'ada@desk'), right.tells(GREATER, 'ada@desk')]);
    for (const events of left.all) right.all.add(events);
    for (const events of right.all) left.all.add(events);
    const since = left.said.entries.length;
    right.ask({ questions: [{ name: TYPE, type: 'PTR' }], known: [], claimed: [] });
    await left.tells(LESSER, 'ada@desk (2)', since);
    await Promise.all([lesser.close(), greater.close()]);
  });

  test('who takes every name ends it, and a flood of questions is answered now and then', async () => {
    const lan = new Lan();
    const counters = new Counters();
    const ada = publish(LESSER, lan, counters);
    await ada.follow([WHERE]);
    await lan.tells(LESSER, 'ada@desk');
    const question = { questions: [{ name: TYPE, type: 'PTR' }], known: [], claimed: [] };
    for (let i = 0; i < 1000; i++) lan.ask(question);
    assert.ok((counters.snapshot().dns_sd_limited ?? 0) > 500);
    const thief: MdnsEvents = {
      onAnswer: () => {},
      onQuery: ({ questions: [asked] }, answer) => {
        if (asked?.type === 'ANY') answer([{ name: asked.name, type: 'TXT', ttl: 9, data: ['mine'] }]);
      },
    };
    lan.all.add(thief);
    await ada.follow([WHERE, { name: 'eth1', address: '10.2.2.2' }]);
    assert.equal(counters.snapshot().dns_sd_renamed, 50);
    const before = lan.said.entries.length;
    lan.ask(question);
    await ada.close();
    assert.equal(lan.said.entries.length, before);
  });

  test('an interface that cannot be used is left out', async () => {
    const lan = new Lan();
    const mdns: Mdns = {
      bind: (where, events) =>
        where.name === 'bad' ? Promise.reject(new Error('no')) : lan.bind(where, events),
    };
    const ada = publish(LESSER, mdns);
    await ada.follow([{ name: 'bad', address: '10.3.3.3' }, WHERE]);
    await lan.tells(LESSER, 'ada@desk');
    await ada.follow([]);
    assert.equal(lan.all.size, 0);
    await ada.close();
  });
});
