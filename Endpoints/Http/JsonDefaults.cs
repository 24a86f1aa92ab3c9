using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiChat.Endpoints.Http;

/// <summary>How our own API reads and writes JSON; each room has a context of its own with these options.</summary>
internal static class JsonDefaults
{
    /// <summary>Camel case, string enums, no nulls out; no unknown, duplicate or wrongly typed members in.</summary>
    /// <param name="converters">What the room's types need besides.</param>
    public static JsonSerializerOptions Create(params ReadOnlySpan<JsonConverter> converters)
    {
        var options = Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));
        foreach (var converter in converters)
        {
            options.Converters.Add(converter);
        }

        return options;
    }

    /// <summary>The web framework's own options: the rooms' contexts one after the other, with what their types need.</summary>
    public static void Configure(JsonSerializerOptions options, params ReadOnlySpan<JsonSerializerContext> contexts)
    {
        Configure(options);
        for (var at = 0; at < contexts.Length; at++)
        {
            options.TypeInfoResolverChain.Insert(at, contexts[at]);
            foreach (var converter in contexts[at].Options.Converters)
            {
                if (!options.Converters.Any(known => known.GetType() == converter.GetType()))
                {
                    options.Converters.Add(converter);
                }
            }
        }
    }

    private static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.NumberHandling = JsonNumberHandling.Strict;
        options.PropertyNameCaseInsensitive = false;
        options.AllowDuplicateProperties = false;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.MaxDepth = 16;
        options.Converters.Add(new TimestampConverter());
        options.Converters.Add(new OptionalConverter<string?>());
        options.Converters.Add(new OptionalConverter<long?>());
        options.Converters.Add(new OptionalConverter<decimal?>());
        options.Converters.Add(new OptionalConverter<bool?>());
        options.Converters.Add(new OptionalConverter<int?>());
        options.Converters.Add(new OptionalConverter<string[]?>());
        options.Converters.Add(new OptionalConverter<long[]?>());
        // Never inside HTML: always application/json with nosniff, so that Chinese goes out as it is.
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        return options;
    }
}
