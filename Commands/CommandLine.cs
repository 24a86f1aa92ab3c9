using System.CommandLine;

namespace AiChat.Commands;

/// <summary>The verbs of the executable; without one it serves.</summary>
internal static class CommandLine
{
    public static Task<int> Run(string[] args)
    {
        var root = new RootCommand("AiChat: a chat platform in one file. Without a command it starts the server.");
        var initialize = new Option<bool>("--init") { Description = "Begin anew where the database is missing or empty." };
        root.Options.Add(initialize);
        root.SetAction((parsed, _) => ServeCommand.Run(parsed.GetValue(initialize)));

        var serve = new Command("serve", "Start the server.");
        serve.Options.Add(initialize);
        serve.SetAction((parsed, _) => ServeCommand.Run(parsed.GetValue(initialize)));
        root.Subcommands.Add(serve);

        var health = new Command("healthcheck", "Ask the server on this machine whether it can write; for containers.");
        health.SetAction((_, cancellation) => HealthCheckCommand.Run(cancellation));
        root.Subcommands.Add(health);

        var version = new Command("version", "Show the version.");
        version.SetAction(_ => VersionCommand.Run());
        root.Subcommands.Add(version);

        return root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }
}
