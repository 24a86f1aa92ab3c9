using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using AiChat.Data.Chats;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.Chat;

/// <summary>The prompt library: the caller's own prompts and those that administrators share with everybody.</summary>
internal static class PromptEndpoints
{
    public static void MapPrompts(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/prompts").Allow(Access.User);
        group.MapGet("", List).Allow(Access.Any);
        group.MapPost("", Create).WithMetadata(new RequestSizeLimitAttribute(WebServer.MessageBody));
        group.MapPut("/{id:long}", Replace).WithMetadata(new RequestSizeLimitAttribute(WebServer.MessageBody));
        group.MapDelete("/{id:long}", Delete);
    }

    private static async Task<IResult> List(CurrentUser me, Prompts prompts) =>
        TypedResults.Ok(new PromptPage([.. (await prompts.List(me.Id)).Select(row => PromptResponse.From(row, me))], NextCursor: null));

    private static async Task<IResult> Create(PromptForm body, CurrentUser me, Prompts prompts, TimeProvider clock)
    {
        if (Refused(body, me) is { } problem)
        {
            return problem;
        }

        var (outcome, row) = await prompts.Insert(me.Id, body.ToPrompt(), clock.GetUtcNow());
        return row is null ? Refusal(outcome) : TypedResults.Created($"/api/prompts/{row.Id}", PromptResponse.From(row, me));
    }

    private static async Task<IResult> Replace(long id, PromptForm body, CurrentUser me, Prompts prompts, TimeProvider clock)
    {
        if (Refused(body, me) is { } problem)
        {
            return problem;
        }

        var (outcome, row) = await prompts.Update(me.Id, id, body.ToPrompt(), clock.GetUtcNow());
        return row is null ? Refusal(outcome) : TypedResults.Ok(PromptResponse.From(row, me));
    }

    private static async Task<IResult> Delete(long id, CurrentUser me, Prompts prompts) =>
        await prompts.Delete(me.Id, id) ? TypedResults.NoContent() : Problems.NotFound();

    private static Problem? Refused(PromptForm body, CurrentUser me)
    {
        var errors = body.Validate();
        return errors.Count > 0 ? Problems.Invalid(errors)
            : body.Shared == true && !me.IsAdmin ? Problems.Forbidden("Only administrators share prompts.")
            : null;
    }

    private static Problem Refusal(PromptChange outcome) => outcome switch
    {
        PromptChange.NotFound => Problems.NotFound(),
        PromptChange.NameTaken => Problems.Conflict("name_taken", "You have a prompt of this name."),
        PromptChange.TooMany => Problems.Conflict("too_many_prompts", "You have as many prompts as the library holds."),
        PromptChange.Done => throw new InvalidOperationException("Not a refusal."),
    };
}

/// <summary>Name is typed after a slash; <c>{{word}}</c> in the text is a variable that the user fills in.</summary>
internal sealed partial record PromptForm(string Name, string Title, string Text, bool? Shared = null)
{
    private const int MaxTitle = 200;
    private const int MaxText = 20_000;

    public Dictionary<string, string[]> Validate()
    {
        var errors = new Dictionary<string, string[]>(StringComparer.Ordinal);
        if (!NameRule().IsMatch(Name))
        {
            errors["name"] = ["1 to 40 of a to z, 0 to 9 and -."];
        }

        if (Title.Trim().Length is 0 or > MaxTitle || Title.Any(char.IsControl))
        {
            errors["title"] = [$"1 to {MaxTitle} characters on one line."];
        }

        if (Text.Trim().Length == 0 || Text.Length > MaxText || Text.Contains('\0'))
        {
            errors["text"] = [$"1 to {MaxText} characters."];
        }

        return errors;
    }

    public NewPrompt ToPrompt() => new(Name, Title.Trim(), Text, Shared == true);

    [GeneratedRegex(@"\A[a-z0-9-]{1,40}\z", RegexOptions.NonBacktracking)]
    private static partial Regex NameRule();
}

internal sealed record PromptPage(
    IReadOnlyList<PromptResponse> Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

/// <summary>Own says whether the caller may change it; variables are the words in braces, in their order.</summary>
internal sealed partial record PromptResponse(
    long Id, string Name, string Title, string Text, IReadOnlyList<string> Variables, bool Shared, bool Own, DateTimeOffset UpdatedAt)
{
    public static PromptResponse From(PromptRow row, CurrentUser me) => new(
        row.Id, row.Name, row.Title, row.Content, [.. Variable().Matches(row.Content).Select(match => match.Groups[1].Value).Distinct()],
        row.Shared, row.UserId == me.Id, DateTimeOffset.FromUnixTimeMilliseconds(row.UpdatedAt));

    [GeneratedRegex(@"\{\{([\p{L}\p{N}_-]{1,40})\}\}", RegexOptions.NonBacktracking)]
    private static partial Regex Variable();
}
