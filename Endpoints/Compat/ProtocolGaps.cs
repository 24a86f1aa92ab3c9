using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// What a provider's protocol has no member for, of the things that are translated. README has the same as a table: change both.
/// </summary>
internal static class ProtocolGaps
{
    /// <summary>Refuses a request that this kind of provider could only answer without a part of what it asks for.</summary>
    /// <exception cref="CompatRefusal">The protocol lacks something; the message names it in the client's words.</exception>
    public static void Check(CompatRequest request, string provider)
    {
        if (All(request, provider) is [_, ..] gaps)
        {
            var detail = $"The provider of {request.Model} speaks another protocol, which does not have this: {string.Join(", ", gaps)}.";
            throw new CompatRefusal(new Problem(400, "unsupported_parameter", detail) { Param = gaps[0] });
        }

        if (request.System is null && ChatTurns.Clean(request.Turns).Count == 0)
        {
            throw CompatRefusal.Bad("The conversation holds nothing to answer.");
        }
    }

    /// <summary>Tools are called one at a time by dropping further calls, where the protocol has no member for it.</summary>
    public static bool CutsToOneCall(CompatRequest request, string provider) =>
        request.ParallelTools == false && provider is "google_genai" or "ollama";

    private static bool IsForced(CompatRequest request) => request.ToolChoice is not (null or "auto" or "none");

    /// <summary>The one tool that may be called can be the form of the answer, where no member forces a call.</summary>
    private static bool IsOneTool(CompatRequest request) => ChatTool.Forced(request.Tools, request.ToolChoice) is not null;

    private static List<string> All(CompatRequest request, string provider) =>
        [.. request.Foreign.Concat(Of(request, provider)).Distinct()];

    private static IEnumerable<string> Of(CompatRequest request, string provider)
    {
        var sampling = request.Sampling;
        var isOpenAi = provider is "openai" or "azure_openai";
        foreach (var (isAskedFor, name) in ((bool, string)[])
        [
            (sampling.Stop.Count > 0 && provider == "openai_responses", request.StopName),
            (sampling.Seed is not null && provider is "openai_responses" or "anthropic", "seed"),
            (sampling.FrequencyPenalty is not (null or 0) && provider is "openai_responses" or "anthropic", "frequency_penalty"),
            (sampling.PresencePenalty is not (null or 0) && provider is "openai_responses" or "anthropic", "presence_penalty"),
            (sampling.TopK is not null && provider == "openai_responses", "top_k"),
            (request.Verbosity is not (null or "medium") && provider is not ("openai_responses" or "openai" or "azure_openai"),
                request.VerbosityName),
            (request.Metadata && provider is not ("openai_responses" or "openai" or "azure_openai"), "metadata"),
            (request.ServiceTier is not null && provider is not ("openai_responses" or "openai" or "azure_openai"), "service_tier"),
            (IsForced(request) && (request.Tools.Count == 0 || (provider == "ollama" && !IsOneTool(request))), "tool_choice"),
            (request.WebSearch is not null && provider == "ollama", request.SearchName),
            (request.WebSearch is { Domains.Count: > 0 } && (isOpenAi || provider == "google_genai"), "allowed_domains of web_search"),
            (request.WebSearch is { MaxUses: not null } && (isOpenAi || provider == "google_genai"), request.MaxUsesName),
            (request.WebSearch is { ContextSize: not (null or "medium") } && provider is "anthropic" or "google_genai",
                "search_context_size"),
            (request.WebSearch is { LocationJson: not null } && provider == "google_genai", "user_location of web_search"),
            (request.Turns.Any(turn => turn.Files.Any(file => !file.IsAudio)) && provider == "ollama", "documents (PDF)"),
            (request.Turns.Any(turn => turn.Files.Any(file => file.IsAudio)) && !isOpenAi && provider != "google_genai", "input_audio"),
            (request.Turns.Any(turn => turn.Images.Any(image => image.Detail == "low")) && provider is "anthropic" or "ollama", "detail"),
        ])
        {
            if (isAskedFor)
            {
                yield return name;
            }
        }
    }
}
