import type { INamespace } from 'protobufjs';

/**
 * The messages of containerd's `containerd.services.snapshots.v1.Snapshots`, in protobufjs's reflection format. Numbers and
 * types come from containerd's api/services/snapshots/v1/snapshots.proto. Fields that layerhook does not read are left out.
 */
export const schema = {
  edition: 'proto3',
  nested: {
    google: {
      nested: {
        protobuf: {
          nested: {
            Empty: { fields: {} },
            FieldMask: { fields: { paths: texts(1) } },
            Timestamp: { fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } } },
          },
        },
      },
    },
    containerd: {
      nested: {
        types: {
          nested: {
            Mount: { fields: { type: text(1), source: text(2), target: text(3), options: texts(4) } },
          },
        },
        services: {
          nested: {
            snapshots: { nested: { v1: { nested: snapshots() } } },
            version: { nested: { v1: { nested: version() } } },
          },
        },
      },
    },
  },
} as INamespace;

/** Full name of the service that {@link schema} defines. */
export const serviceName = 'containerd.services.snapshots.v1.Snapshots';
/** Full name of the service by which containerd tells its version; api/services/version/v1/version.proto. */
export const versionServiceName = 'containerd.services.version.v1.Version';

function version() {
  return {
    Version: { methods: { Version: call('.google.protobuf.Empty', 'VersionResponse') } },
    VersionResponse: { fields: { version: text(1) } },
  };
}

function snapshots() {
  return { Snapshots: { methods: methods() }, ...common(), ...requests(), ...responses() };
}

function methods() {
  return {
    Prepare: call('PrepareSnapshotRequest', 'PrepareSnapshotResponse'),
    View: call('ViewSnapshotRequest', 'ViewSnapshotResponse'),
    Mounts: call('MountsRequest', 'MountsResponse'),
    Commit: call('CommitSnapshotRequest', '.google.protobuf.Empty'),
    Remove: call('RemoveSnapshotRequest', '.google.protobuf.Empty'),
    Stat: call('StatSnapshotRequest', 'StatSnapshotResponse'),
    Update: call('UpdateSnapshotRequest', 'UpdateSnapshotResponse'),
    List: { ...call('ListSnapshotsRequest', 'ListSnapshotsResponse'), responseStream: true },
    Usage: call('UsageRequest', 'UsageResponse'),
    Cleanup: call('CleanupRequest', '.google.protobuf.Empty'),
  };
}

/** What requests and responses contain. */
function common() {
  return {
    Kind: { values: { UNKNOWN: 0, VIEW: 1, ACTIVE: 2, COMMITTED: 3 } },
    Info: {
      fields: {
        name: text(1),
        parent: text(2),
        kind: message(3, 'Kind'),
        createdAt: message(4, '.google.protobuf.Timestamp'),
        updatedAt: message(5, '.google.protobuf.Timestamp'),
        labels: textMap(6),
      },
    },
  };
}

function requests() {
  const request = (fields: Record<string, object>) => ({ fields: { snapshotter: text(1), ...fields } });
  const create = request({ key: text(2), parent: text(3), labels: textMap(4) });
  const oneKey = request({ key: text(2) });
  return {
    PrepareSnapshotRequest: create,
    ViewSnapshotRequest: create,
    MountsRequest: oneKey,
    RemoveSnapshotRequest: oneKey,
    CommitSnapshotRequest: request({ name: text(2), key: text(3), labels: textMap(4), parent: text(5) }),
    StatSnapshotRequest: oneKey,
    UpdateSnapshotRequest: request({
      info: message(2, 'Info'),
      updateMask: message(3, '.google.protobuf.FieldMask'),
    }),
    ListSnapshotsRequest: request({ filters: texts(2) }),
    UsageRequest: oneKey,
    CleanupRequest: request({}),
  };
}

function responses() {
  const mounts = { fields: { mounts: { ...message(1, '.containerd.types.Mount'), rule: 'repeated' } } };
  const oneInfo = { fields: { info: message(1, 'Info') } };
  return {
    PrepareSnapshotResponse: mounts,
    ViewSnapshotResponse: mounts,
    MountsResponse: mounts,
    StatSnapshotResponse: oneInfo,
    UpdateSnapshotResponse: oneInfo,
    ListSnapshotsResponse: { fields: { info: { ...message(1, 'Info'), rule: 'repeated' } } },
    UsageResponse: { fields: { size: { type: 'int64', id: 1 }, inodes: { type: 'int64', id: 2 } } },
  };
}

function call(requestType: string, responseType: string) {
  return { requestType, responseType };
}

function message(id: number, type: string) {
  return { type, id };
}

function text(id: number) {
  return { type: 'string', id };
}

function texts(id: number) {
  return { rule: 'repeated', type: 'string', id };
}

function textMap(id: number) {
  return { keyType: 'string', type: 'string', id };
}
