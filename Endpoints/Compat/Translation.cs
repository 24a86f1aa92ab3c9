using System.Buffers;
using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>Puts a request that was read from its dialect into the call to a provider of another protocol.</summary>
internal static class Translation
{
    /// <summary>Members that both APIs of OpenAI have and no other.</summary>
    public static readonly IReadOnlyList<string> OpenAiMembers = ["metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention"];

    private const string Unseen = "[The result has a picture, which this model cannot see.]";

    /// <param name="sent">The call without what the request asks for.</param>
    /// <param name="request">The request, of whose members none may be dropped.</param>
    /// <param name="call">The target.</param>
    /// <exception cref="CompatRefusal">The provider's protocol lacks something.</exception>
    public static ChatRequest Of(ChatRequest sent, CompatRequest request, ResolvedCall call)
    {
        ProtocolGaps.Check(request, call.Provider);

        // Only Ollama answers a conversation of a system message alone.
        var isAlone = request.Turns.Count == 0 && request.System is not null && call.Provider != "ollama";
        return sent with
        {
            Exact = true,
            Turns = isAlone ? [new ChatTurn(ChatRole.User, request.System!)] : [.. request.Turns.Select(call.WithState)],
            SystemPrompt = isAlone ? null : request.System,
            Sampling = request.Sampling,
            Tools = request.Tools,
            ToolChoice = request.Tools.Count == 0 ? null : request.ToolChoice,
            ParallelTools = request.ParallelTools,
            Format = request.Format,
            Verbosity = request.Verbosity,
            UserId = request.UserId,
            WebSearch = request.WebSearch,
            Reasoning = sent.Reasoning with { Enabled = request.Reasons, Effort = request.Effort, Budget = request.Budget },
            ExtraBody = call.Provider is "openai" or "azure_openai" or "openai_responses" ? Shared(request) : default,
        };
    }

    /// <summary>
    /// The call to a model that cannot see. A picture in the result of a tool is no wish of the user, so the model is told of it instead.
    /// </summary>
    public static ChatRequest ForBlind(ChatRequest call) => call with
    {
        Turns = [.. call.Turns.Select(turn => turn is { Role: ChatRole.Tool, Images.Count: > 0 }
            ? turn with { Images = [], Text = turn.Text.Length == 0 ? Unseen : $"{turn.Text}\n{Unseen}" }
            : turn)],
    };

    private static ReadOnlyMemory<byte> Shared(CompatRequest request)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        foreach (var name in request.SharedMembers)
        {
            if (request.Body.Get(name) is { ValueKind: not JsonValueKind.Undefined } value)
            {
                json.WritePropertyName(name);
                RequestBody.WriteRaw(json, value);
            }
        }

        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }
}
