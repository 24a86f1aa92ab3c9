using AiChat.Data.Audit;
using AiChat.Data.Backups;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Backups;

/// <summary>
/// Backups: made, listed, downloaded, deleted. Whoever has one has everybody's chats, so the password is asked for once more.
/// </summary>
internal static class BackupEndpoints
{
    /// <summary>A small backup is made within this time, and its answer says so.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static void MapBackups(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/backups").Allow(Access.Admin);
        group.MapGet("", List);
        group.MapPost("", Create);
        group.MapGet("/{name}", Download);
        group.MapDelete("/{name}", Delete);
        group.MapPost("/remote/test", Test);
        group.MapPost("/{name}/fetch", Fetch).Allow(Access.Operator);
    }

    private static async Task<BackupListResponse> List(
        BackupService backups, BackupShelf shelf, RemoteBackups remote, BackupSchedule schedule, SystemSettings settings,
        ServerOptions options, TimeProvider clock, CancellationToken cancel, bool refresh = false)
    {
        string? remoteProblem = null;
        if (remote.IsConfigured && (refresh || remote.Known.Count == 0))
        {
            try
            {
                await remote.List(cancel);
            }
            catch (ProviderException error)
            {
                remoteProblem = S3Text.Said(error);
            }
        }

        var state = shelf.State;
        var elsewhere = remote.Known.ToDictionary(backup => backup.Name, StringComparer.Ordinal);
        var running = backups.Running;
        var local = shelf.List();
        var items = local.Select(backup => BackupResponse.Of(backup, elsewhere.ContainsKey(backup.Name), state.LastTrial)).ToList();
        items.AddRange(elsewhere.Values.Where(one => local.All(backup => backup.Name != one.Name)).Select(BackupResponse.Of));
        items.Sort((one, other) => other.CreatedAt.CompareTo(one.CreatedAt));
        if (state.LastFailure is { } failure && items.All(item => item.Name != failure.Name))
        {
            items.Insert(0, new BackupResponse(failure.Name, 0, failure.At, "failed", false) { Error = failure.Reason });
        }

        if (running is not null)
        {
            items.Insert(0, BackupResponse.Of(running));
        }

        var newest = backups.Newest();
        return new BackupListResponse(items)
        {
            Folder = shelf.Folder,
            FreeBytes = BackupMaker.FreeSpace(shelf.Folder),
            NewestAgeSeconds = newest is null ? null : (long)Math.Max(0, (clock.GetUtcNow() - newest.CreatedAt).TotalSeconds),
            NextAt = schedule.Due(),
            Zone = options.Zone.Id,
            LastFailure = state.LastFailure,
            LastTrial = state.LastTrial,
            Remote = remote.IsConfigured ? settings.BackupStore.Bucket : null,
            RemoteProblem = remoteProblem,
        };
    }

    private static async Task<IResult> Create(
        CreateBackup body, CurrentUser me, HttpContext context, BackupService backups, PasswordConfirmation confirmation, AuditLog audit,
        ServerOptions options, TimeProvider clock)
    {
        if (options.DatabaseServer is not null)
        {
            return Problems.Conflict("backup_not_here", BackupService.NotHere);
        }

        if (body.MasterKey is not (null or "none" or "passphrase" or "plain"))
        {
            return Problems.Invalid("masterKey", "is none, passphrase or plain");
        }

        var key = body.MasterKey is null or "none" ? null : new BackupKey(body.MasterKey == "plain" ? null : body.Passphrase ?? "");
        if (key is { Passphrase.Length: < SealedKey.MinPassphrase })
        {
            return Problems.Invalid("passphrase", $"has at least {SealedKey.MinPassphrase} characters");
        }

        if (key is { Passphrase: null } && !me.IsOperator)
        {
            return Problems.Forbidden("Only the command line puts the master key into a backup in clear.");
        }

        if (key is not null && confirmation.Require(me) is { } unconfirmed)
        {
            return unconfirmed;
        }

        if (backups.Begin(scheduled: false, key) is not { } run)
        {
            return Problems.Conflict("backup_running", "A backup is being made already. Wait for its end.");
        }

        await audit.Write(me.Audit("backup.create", $"backup:{run.Name}", key is null ? null : "with the master key"), clock.GetUtcNow());
        await run.Completion.WaitAsync(Patience, clock, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return run switch
        {
            { Failure: { } reason } => new Problem(run.IsDiskFull ? 507 : 500, "backup_failed", reason),
            { Made: { } made } => TypedResults.Json(
                BackupResponse.Of(made, isElsewhere: false, trial: null), BackupsJson.Wire.BackupResponse, statusCode: 201),
            _ => TypedResults.Json(BackupResponse.Of(run), BackupsJson.Wire.BackupResponse, statusCode: 202),
        };
    }

    private static async Task<IResult> Download(
        string name, CurrentUser me, HttpContext context, BackupShelf shelf, RemoteBackups remote, PasswordConfirmation confirmation,
        AuditLog audit, TimeProvider clock)
    {
        if (confirmation.Require(me) is { } unconfirmed)
        {
            return unconfirmed;
        }

        var use = shelf.Use(name);
        var elsewhere = use is null ? remote.Known.FirstOrDefault(backup => backup.Name == name) : null;
        if (use is null && elsewhere is null)
        {
            return Problems.NotFound();
        }

        context.Response.RegisterForDispose(use ?? Stream.Null);
        context.Response.Headers.CacheControl = "no-store";
        if (!context.Request.Headers.Range.ToString().StartsWith("bytes=", StringComparison.Ordinal))
        {
            await audit.Write(me.Audit("backup.download", $"backup:{name}"), clock.GetUtcNow());
        }

        var fileName = $"aichat-{name}{BackupArchive.Extension}";
        if (elsewhere is not null)
        {
            context.Response.ContentLength = elsewhere.Bytes;
            return TypedResults.Stream(
                async output => await remote.Read(name, piece => output.WriteAsync(piece, context.RequestAborted), context.RequestAborted),
                "application/x-tar", fileName);
        }

        try
        {
            return TypedResults.Stream(
                new BackupArchive(shelf.Find(name)!.Path), "application/x-tar", fileName, enableRangeProcessing: true);
        }
        catch (BackupException error)
        {
            return new Problem(500, "backup_damaged", error.Message);
        }
    }

    private static async Task<IResult> Delete(
        string name, CurrentUser me, BackupShelf shelf, BackupService backups, RemoteBackups remote, PasswordConfirmation confirmation,
        AuditLog audit, TimeProvider clock, CancellationToken cancel)
    {
        if (confirmation.Require(me) is { } unconfirmed)
        {
            return unconfirmed;
        }

        if (shelf.State.LastFailure is { } failure && failure.Name == name && shelf.Find(name) is null)
        {
            shelf.Remember(state => state with { LastFailure = null });
            backups.Forgive();
            return TypedResults.NoContent();
        }

        var isElsewhere = remote.Known.Any(backup => backup.Name == name);
        if (shelf.Find(name) is not null)
        {
            if (!shelf.Remove(name))
            {
                return Problems.Conflict("backup_in_use", "This backup is being downloaded or checked. Delete it afterwards.");
            }
        }
        else if (!isElsewhere)
        {
            return backups.Running?.Name == name
                ? Problems.Conflict("backup_in_use", "This backup is being made. Delete it afterwards.") : Problems.NotFound();
        }

        if (isElsewhere)
        {
            await remote.Delete(name, cancel);
        }

        await audit.Write(me.Audit("backup.delete", $"backup:{name}"), clock.GetUtcNow());
        return TypedResults.NoContent();
    }

    /// <summary>Tries the store elsewhere with a small object.</summary>
    private static async Task<RemoteTestResponse> Test(RemoteBackups remote, CancellationToken cancel)
    {
        if (!remote.IsConfigured)
        {
            return new RemoteTestResponse(false, "The address or the bucket is missing.");
        }

        try
        {
            await remote.Test(cancel);
            await remote.List(cancel);
            return new RemoteTestResponse(true, null);
        }
        catch (ProviderException error)
        {
            return new RemoteTestResponse(false, S3Text.Said(error));
        }
    }

    /// <summary>Brings a backup from the store elsewhere into a file that the command line names.</summary>
    private static async Task<IResult> Fetch(
        string name, FetchBackup body, RemoteBackups remote, BackupShelf shelf, CancellationToken cancel)
    {
        if (!remote.IsConfigured)
        {
            return Problems.Conflict("no_store", "No S3-compatible store is set.");
        }

        if (!BackupPaths.IsName(name))
        {
            return Problems.NotFound();
        }

        Directory.CreateDirectory(shelf.Folder);
        await using var file = new FileStream(body.Path, FileMode.Create, FileAccess.Write, FileShare.None);
        var isThere = await remote.Read(name, piece => file.WriteAsync(piece, cancel), cancel);
        return isThere ? TypedResults.NoContent() : Problems.NotFound();
    }
}

/// <param name="MasterKey">Whether the key goes into the backup: none (the default), passphrase or plain.</param>
internal sealed record CreateBackup(string? MasterKey = null, string? Passphrase = null);

internal sealed record FetchBackup(string Path);

internal sealed record RemoteTestResponse(bool Ok, string? Detail);

/// <param name="Status">running, done or failed.</param>
/// <param name="Verified">Its copy of the database was opened and checked, and nothing spoke against it since.</param>
internal sealed record BackupResponse(string Name, long Bytes, DateTimeOffset CreatedAt, string Status, bool Verified)
{
    public string? Error { get; init; }

    /// <summary>What is being done: database, images, check or send.</summary>
    public string? Step { get; init; }

    /// <summary>How much of the step is done, from 0 to 1.</summary>
    public double? Share { get; init; }

    public bool Scheduled { get; init; }

    /// <summary>It is in the folder of backups.</summary>
    public bool Local { get; init; }

    /// <summary>It is in the store elsewhere.</summary>
    public bool Remote { get; init; }

    public string? MasterKey { get; init; }

    public string? Version { get; init; }

    public int? Schema { get; init; }

    public BackupCounts? Counts { get; init; }

    public static BackupResponse Of(ShelvedBackup backup, bool isElsewhere, BackupTrial? trial) => new(
        backup.Name, backup.Bytes, backup.CreatedAt, backup.Manifest is null ? "failed" : "done",
        backup.Manifest is not null && !(trial?.Name == backup.Name && trial.Problem is not null))
    {
        Error = backup.Manifest is null ? "Its manifest cannot be read." : null,
        Scheduled = BackupPaths.IsScheduled(backup.Name),
        Local = true,
        Remote = isElsewhere,
        MasterKey = backup.Manifest?.MasterKey,
        Version = backup.Manifest?.Version,
        Schema = backup.Manifest?.Schema,
        Counts = backup.Manifest?.Counts,
    };

    /// <summary>One that only the store elsewhere has. It was checked before it was sent.</summary>
    public static BackupResponse Of(RemoteBackup backup) => new(
        backup.Name, backup.Bytes, BackupPaths.TimeOf(backup.Name) ?? DateTimeOffset.UnixEpoch, "done", true)
    {
        Scheduled = BackupPaths.IsScheduled(backup.Name),
        Remote = true,
    };

    public static BackupResponse Of(BackupRun run) => new(run.Name, 0, run.CreatedAt, "running", false)
    {
        Step = run.Progress.Step,
        Share = Math.Round(run.Progress.Share, 3),
        Scheduled = BackupPaths.IsScheduled(run.Name),
    };
}

/// <summary>All backups, the newest first, and what a page of administration says about them.</summary>
internal sealed record BackupListResponse(IReadOnlyList<BackupResponse> Items)
{
    public string? Folder { get; init; }

    public long? FreeBytes { get; init; }

    /// <summary>Null when there is none.</summary>
    public long? NewestAgeSeconds { get; init; }

    /// <summary>When the schedule makes the next one; null without a schedule.</summary>
    public DateTimeOffset? NextAt { get; init; }

    /// <summary>The zone in which the schedule counts.</summary>
    public string? Zone { get; init; }

    public BackupFailure? LastFailure { get; init; }

    public BackupTrial? LastTrial { get; init; }

    /// <summary>The bucket to which backups are sent; null when there is none.</summary>
    public string? Remote { get; init; }

    public string? RemoteProblem { get; init; }
}
