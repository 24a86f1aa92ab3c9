using System.Data.Common;
using AiChat.Data.Accounts;
using AiChat.Data.Engine;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Runs;

/// <summary>
/// Runs. A start is one transaction (question, empty answer, charge, run), and so is the end, which is applied once. In between the text
/// is in memory and in <see cref="ILiveText"/>.
/// </summary>
internal sealed class RunStore(Db db)
{
    /// <summary>Runs that are ended side by side.</summary>
    private const int AtOnce = 200;

    /// <summary>Stores the start or returns the reason of a refusal. Only <see cref="StartOutcome.Started"/> changes anything.</summary>
    public Task<StartedRun> Start(NewRun run, Admission admission, DateTimeOffset now) =>
        db.Write(connection => Start(connection, run, admission, now), WriteOrder.First, run.UserId);

    /// <summary>Ends a run, once, and settles its reservation.</summary>
    /// <returns>Null when it has already ended or its session is deleted, else the older answers that were pruned for it.</returns>
    public Task<IReadOnlyList<long>?> Finish(FinishedRun run, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write<IReadOnlyList<long>?>(Finish, owner: run.UserId);

        IReadOnlyList<long>? Finish(DbConnection connection)
        {
            RowLock.User(connection, run.UserId);
            if (connection.Execute("""
                update runs set status = @Status, ended_at = @at where id = @RunId and status = 'running'
                """, new { run.Status, run.RunId, at }) == 0)
            {
                // The run was deleted with its session; the provider's work is charged all the same.
                if (connection.ExecuteScalar<long>("select count(*) from runs where id = @RunId", new { run.RunId }) == 0)
                {
                    UsageLimits.Settle(connection, run.Reservation, run.Calls, at);
                }

                LiveRows.Forget(connection, run.RunId); // another process may have ended it meanwhile
                return null;
            }

            StoreAnswer(connection, run, at);
            var removed = run is { Status: "done", KeptVersions: > 0 } ? Versions.Prune(connection, run) : [];
            UsageLimits.Settle(connection, run.Reservation, run.Calls, at);
            return removed;
        }
    }

    /// <summary>
    /// Ends the runs that earlier processes left behind: the text so far becomes the message's, marked interrupted. Called before the
    /// server listens. <paramref name="bootId"/> names this process; its own runs are left alone. Reservations of the other process are
    /// removed; an answer that had begun is charged as one message with the tokens of its text.
    /// </summary>
    /// <param name="databasePath">Beside it lies the text that was written last.</param>
    /// <param name="estimate">Estimates the tokens of a text.</param>
    /// <returns>How many runs were ended.</returns>
    public Task<int> Sweep(string bootId, string databasePath, Func<string, int> estimate, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            LiveText.Put(connection, databasePath);
            UsageLimits.Reset(connection);
            var orphans = connection.Query<OrphanRow>("""
                select r.id, r.user_id, r.session_id, r.message_id, r.started_at, m.connection_id, m.model, m.provider, m.content,
                    m.reasoning, m.tool_calls, m.layout
                from runs r
                join messages m on m.id = r.message_id
                where r.status = 'running' and r.boot_id <> @bootId
                order by r.id
                limit 100000
                """, new { bootId }).ToList();
            foreach (var orphan in orphans)
            {
                Interrupt(connection, orphan, estimate, at);
            }

            return orphans.Count;
        });
    }

    /// <summary>
    /// As <see cref="Sweep"/>, where other processes live: ends the runs of those that are gone, each for itself, so that it is ended once
    /// whoever does it.
    /// </summary>
    public async Task<int> SweepGone(Func<string, int> estimate, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        var ended = 0;
        foreach (var some in (await db.Read(NodeTable.Orphans)).Chunk(AtOnce))
        {
            var mine = await Task.WhenAll(some.Select(id => db.Write(connection => InterruptGone(connection, id, estimate, at))));
            ended += mine.Count(isMine => isMine);
        }

        return ended;
    }

    private static void StoreAnswer(DbConnection connection, FinishedRun run, long at)
    {
        using var deferred = Deferred.On(connection);
        connection.Execute("""
            update messages set content = @Content, reasoning = @Reasoning, reasoning_ms = @ReasoningMs, tool_calls = @ToolCalls,
                layout = @Layout, provider_state = @ProviderState, status = @Status, error_code = @ErrorCode,
                error_detail = @ErrorDetail, finish_reason = @FinishReason, connection_id = @ConnectionId, model = @Model,
                provider = @Provider,
                prompt_tokens = @PromptTokens, completion_tokens = @CompletionTokens, reasoning_tokens = @ReasoningTokens,
                cached_tokens = @CachedTokens, cost_nanos = @CostNanos, saved_nanos = @SavedNanos,
                usage_source = @UsageSource, first_token_ms = @FirstTokenMs, total_ms = @TotalMs, trimmed_messages = @TrimmedMessages
            where id = @MessageId
            """, run);
        foreach (var image in run.Images)
        {
            connection.Execute("""
                insert into images (id, user_id, message_id, position, mime, width, height, bytes, file, created_at)
                select @Id, @UserId, @MessageId, count(*), @Mime, @Width, @Height, @Bytes, @File, @at
                from images where message_id = @MessageId
                """, new { image.Id, run.UserId, run.MessageId, image.Mime, image.Width, image.Height, image.Bytes, image.File, at });
        }

        LiveRows.Forget(connection, run.RunId);
    }

    private static bool InterruptGone(DbConnection connection, long id, Func<string, int> estimate, long at)
    {
        if (connection.QuerySingleOrDefault<OrphanRow>("""
            select r.id, r.user_id, r.session_id, r.message_id, r.started_at, m.connection_id, m.model, m.provider, m.content,
                m.reasoning, m.tool_calls, m.layout
            from runs r
            join messages m on m.id = r.message_id
            where r.id = @id and r.status = 'running'
            """, new { id }) is not { } orphan)
        {
            return false;
        }

        RowLock.User(connection, orphan.UserId);
        return Interrupt(connection, orphan, estimate, at);
    }

    private static bool Interrupt(DbConnection connection, OrphanRow orphan, Func<string, int> estimate, long at)
    {
        if (connection.Execute("""
            update runs set status = 'interrupted', ended_at = @at where id = @Id and status = 'running'
            """, new { orphan.Id, at }) == 0)
        {
            return false;
        }

        var text = Recover(connection, orphan);
        connection.Execute("""
            update messages set status = 'interrupted', content = @Content, reasoning = @Reasoning, tool_calls = @ToolCalls,
                layout = @Layout, error_code = 'interrupted', error_detail = 'The server stopped while this was being written.'
            where id = @MessageId
            """, text);
        var produced = text.Content[Math.Min(text.Content.Length, orphan.Content.Length)..]
            + text.Reasoning?[Math.Min(text.Reasoning.Length, orphan.Reasoning?.Length ?? 0)..];
        if (produced.Length > 0)
        {
            var day = UtcDay.From(DateTimeOffset.FromUnixTimeMilliseconds(orphan.StartedAt));
            UsageLimits.Charge(connection, Entry(orphan, estimate(produced)), day, at);
        }

        connection.Execute("delete from run_chunks where run_id = @Id", new { orphan.Id });
        return true;
    }

    /// <summary>The call that the end of a process interrupted. Its prompt is no longer known, so only its answer is charged.</summary>
    private static LedgerEntry Entry(OrphanRow orphan, long completionTokens) => new()
    {
        UserId = orphan.UserId,
        SessionId = orphan.SessionId,
        MessageId = orphan.MessageId,
        RunId = orphan.Id,
        ConnectionId = orphan.ConnectionId,
        Model = orphan.Model ?? "",
        Provider = orphan.Provider ?? "",
        Status = "interrupted",
        CompletionTokens = completionTokens,
        Source = "estimate",
    };

    /// <summary>The text of a running answer that is stored at a position and after it, in order.</summary>
    public Task<List<RunChunk>> Chunks(long runId, long position) => db.Read(connection => connection.Query<RunChunk>("""
        select run_id, position, kind, value from run_chunks
        where run_id = @runId and position >= coalesce(
            (select max(position) from run_chunks where run_id = @runId and position <= @position), @position)
        order by position
        limit 10000
        """, new { runId, position }).ToList());

    private static OrphanRow Recover(DbConnection connection, OrphanRow orphan)
    {
        var chunks = connection.Query<RunChunk>("""
            select run_id, position, kind, value from run_chunks where run_id = @Id order by position
            """, new { orphan.Id }).ToList();
        if (chunks.Count == 0)
        {
            return orphan;
        }

        var layout = new EventLayout();
        foreach (var chunk in chunks)
        {
            layout.Extend(chunk.Kind, chunk.Position, chunk.Value.Length);
        }

        // The chunks of a continued answer begin with the text that it already had, so they form the whole text here too.
        return orphan with
        {
            Content = string.Concat(chunks.Where(chunk => chunk.Kind == RunChunk.Content).Select(chunk => chunk.Value)),
            Reasoning = chunks.Any(chunk => chunk.Kind == RunChunk.Reasoning)
                ? string.Concat(chunks.Where(chunk => chunk.Kind == RunChunk.Reasoning).Select(chunk => chunk.Value))
                : null,
            ToolCalls = RunChunk.ToolEvents(
                chunks.Where(chunk => chunk.Kind == RunChunk.Tool).Select(chunk => (chunk.Position, chunk.Value))),
            Layout = layout.ToString(),
        };
    }

    private static StartedRun Start(DbConnection connection, NewRun run, Admission admission, DateTimeOffset now)
    {
        RowLock.Spender(connection, run.UserId);
        if (StartPlace.Find(connection, run) is not { } place)
        {
            return new StartedRun(StartOutcome.NotFound);
        }

        if (place.KnownRunId is { } known)
        {
            return place.KnownHash == run.RequestHash
                ? new StartedRun(StartOutcome.Known)
                {
                    RunId = known,
                    MessageId = place.KnownMessageId,
                    UserMessageId = place.KnownParentId,
                }
                : new StartedRun(StartOutcome.Conflict);
        }

        var at = now.ToUnixTimeMilliseconds();
        var outcome = run.Kind switch
        {
            NewRun.Send => RunPlacement.ForSend(connection, run, place),
            NewRun.Regenerate => RunPlacement.ForRegenerate(place),
            _ => RunPlacement.ForContinue(connection, place),
        };
        if (outcome.Refused is { } refused)
        {
            return new StartedRun(refused);
        }

        var decision = UsageLimits.Enter(connection, admission, now);
        if (decision.Reservation is null)
        {
            return new StartedRun(StartOutcome.Refused) { Limit = decision.Refusal };
        }

        var placed = RunPlacement.Store(connection, run, outcome, at);
        var title = place.TitleSource == "default" && run.Title is { } first ? first : null;
        var runId = placed.RunId ?? connection.ExecuteScalar<long>("""
            insert into runs (user_id, session_id, message_id, kind, client_message_id, request_hash, boot_id, status, started_at)
            values (@UserId, @SessionId, @MessageId, @Kind, @ClientMessageId, @RequestHash, @BootId, 'running', @at)
            returning id
            """, new { run.UserId, run.SessionId, placed.MessageId, run.Kind, run.ClientMessageId, run.RequestHash, run.BootId, at });
        using (Deferred.On(connection))
        {
            connection.Execute("""
                update sessions set leaf_id = @MessageId, updated_at = @at, connection_id = @ConnectionId, model = @Model,
                    message_count = message_count + @Added,
                    title = coalesce(@title, title),
                    title_source = case when @title is null then title_source else 'first_message' end
                where id = @SessionId
                """, new { placed.MessageId, at, run.ConnectionId, run.Model, placed.Added, title, run.SessionId });
        }

        return new StartedRun(StartOutcome.Started)
        {
            RunId = runId,
            MessageId = placed.MessageId,
            UserMessageId = placed.UserMessageId,
            CreatedAt = outcome.CreatedAt ?? at,
            Title = title,
            ParentId = outcome.ParentId,
            MayHaveVersions = outcome.MayHaveVersions,
            Reservation = decision.Reservation,
            DailyLimit = decision.DailyLimit,
            MessagesUsed = decision.Used,
            PreviousContent = outcome.Content,
            PreviousReasoning = outcome.Reasoning,
            PreviousTools = outcome.Tools,
        };
    }
}
