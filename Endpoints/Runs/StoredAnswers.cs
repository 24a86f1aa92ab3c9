using System.Text.Json;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Runs;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;

namespace AiChat.Endpoints.Runs;

/// <summary>Answers that are over, as the events they were.</summary>
internal sealed class StoredAnswers(Messages messages, ImageStore images, ImageLinks links, ModelCatalog catalog)
{
    /// <summary>A finished answer as the log it had, with the same positions.</summary>
    public async Task<RunLog> Log(CurrentUser me, MessageRow row)
    {
        var log = new RunLog();
        await Open(me, row, log);
        Replay(log, row);
        if (row.Status == "interrupted")
        {
            log.SkipUnkept();
        }

        if (row.ErrorCode is { } code && row.Status == "failed")
        {
            RunEvents.Error(log, new Problem(502, code, row.ErrorDetail ?? ""));
        }

        if (MessageView.Usage(row) is { } usage)
        {
            log.Append(ChatEvent.Usage, JsonSerializer.SerializeToUtf8Bytes(usage, RunsJson.Wire.UsageResponse));
        }

        log.Append(ChatEvent.Done, JsonSerializer.SerializeToUtf8Bytes(
            new DoneEvent(
                row.Id, row.Status, row.FinishReason, MessageView.Usage(row), row.FirstTokenMs, row.TotalMs, row.ConnectionId, row.Model,
                row.Provider, row.TrimmedMessages, Images: await Pictures(me, row) is { Count: > 0 } pictures ? pictures : null),
            RunsJson.Wire.DoneEvent));
        log.Complete();
        return log;
    }

    /// <summary>Adds the first event of an answer to an empty log.</summary>
    public async Task Open(CurrentUser me, MessageRow row, RunLog log)
    {
        var question = row.ParentId is { } parent ? await messages.Find(me.Id, parent) : null;
        var versions = question is null
            ? new TurnVersions([], [])
            : await TurnVersions.Read(messages, me.Id, row.SessionId, question.ParentId, question.Id);
        var limit = catalog.Resolve(me.Id, me.IsAdmin, row.ConnectionId, row.Model)?.ContextLimit;
        var opening = new MessageResponse
        {
            Id = row.Id,
            SessionId = row.SessionId,
            ParentId = row.ParentId,
            Role = row.Role,
            Content = "",
            ConnectionId = row.ConnectionId,
            Model = row.Model,
            Provider = row.Provider,
            Status = "streaming",
            Siblings = versions.Answer,
            CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt),
        };
        var shown = question is null ? null : await Question(me, question, versions);
        RunEvents.Start(log, new StartEvent(
            row.SessionId, shown, opening, row.Model ?? "", limit, (int)(row.PromptTokens ?? 0), row.TrimmedMessages));
    }

    /// <summary>An answer and its question when the answer is over; null when they are not this user's.</summary>
    public async Task<IResult?> Finished(CurrentUser me, long messageId)
    {
        if (await messages.Find(me.Id, messageId) is not { } row || await messages.Find(me.Id, row.ParentId ?? 0) is not { } question)
        {
            return null;
        }

        if (row.Status == "failed" && row.Content.Length == 0)
        {
            return new Problem(502, row.ErrorCode ?? "provider_protocol", row.ErrorDetail ?? "The provider did not answer.");
        }

        var versions = await TurnVersions.Read(messages, me.Id, row.SessionId, question.ParentId, question.Id);
        return TypedResults.Ok(new CompletionResponse(
            await Question(me, question, versions), MessageView.From(row, versions.Answer, await Pictures(me, row))));
    }

    private async Task<MessageResponse> Question(CurrentUser me, MessageRow row, TurnVersions versions) =>
        MessageView.From(row, versions.Question, await Pictures(me, row));

    private async Task<IReadOnlyList<ImageResponse>> Pictures(CurrentUser me, MessageRow row) =>
        [.. (await images.FindByMessages(me.Id, [row.Id]))[row.Id].Select(links.From)];

    private static void Replay(RunLog log, MessageRow row)
    {
        int content = 0, reasoning = 0;
        var text = row.Reasoning ?? "";
        var tools = new Queue<StoredToolEvent>(ToolEvents.Parse(row.ToolCalls));
        long end = 0;
        foreach (var (kind, length) in EventLayout.Parse(row.Layout).Stretches)
        {
            end += length;
            if (kind == 'c')
            {
                var take = (int)Math.Min(length, row.Content.Length - content);
                log.AppendContent(row.Content.Substring(content, take));
                content += take;
            }
            else if (kind == 'r')
            {
                // Reasoning may not have been stored; its positions still count.
                var take = (int)Math.Min(length, text.Length - reasoning);
                log.AppendReasoning(text.Substring(reasoning, take));
                log.Skip(length - take);
                reasoning += take;
            }
            else
            {
                SkipTo(log, end, tools);
            }
        }

        log.AppendContent(row.Content[content..]);
    }

    /// <summary>Skips events that were not stored; tool events are added in their places.</summary>
    private static void SkipTo(RunLog log, long end, Queue<StoredToolEvent> tools)
    {
        while (tools.TryPeek(out var next) && next.Position < end)
        {
            log.Skip(next.Position - log.Position);
            RunEvents.Tool(log, tools.Dequeue().Event);
        }

        log.Skip(end - log.Position);
    }
}
